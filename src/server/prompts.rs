//! Prompts for everyday jobs. Each says which tools lead to the answer, and leaves out those that the client may not know of;
//! what the model then calls is judged as ever.

use super::Server;
use crate::tools::arguments::PlexId;
use rmcp::{
    ErrorData,
    model::{GetPromptRequestParams, GetPromptResult, Prompt, PromptArgument, PromptMessage, Role},
};
use serde_json::{Map, Value};

/// The argument that names a library.
pub(super) const LIBRARY_KEY: &str = "libraryKey";

/// A job.
struct Job {
    name: &'static str,
    title: &'static str,
    about: &'static str,
    /// What the model is asked to do.
    task: &'static str,
    /// The tools that help, each with what it is for; without the first one there is no job.
    steps: &'static [(&'static str, &'static str)],
    /// How to answer.
    answer: &'static str,
}

const JOBS: [Job; 3] = [
    Job {
        name: "what_to_watch_tonight",
        title: "What to watch tonight",
        about: "Suggestions from what is under way, new, wanted and unwatched.",
        task: "Suggest what to watch tonight from my Plex server.",
        steps: &[
            ("get_on_deck", "what is under way already, and how much of it is left"),
            ("get_recently_added", "what is new; with unwatched = true"),
            ("get_watchlist", "what someone wanted to see; only rows with inLibrary = true can be played here"),
            ("get_recommendations", "what fits my taste, with reasons"),
            ("get_library_items", "unwatched titles, best first: unwatched = true, sort = audienceRating:desc"),
            ("get_media_details", "the details of what you are about to suggest"),
        ],
        answer: "Give five suggestions at most, the most fitting first, each with one sentence that says why and how long it \
                 is. Suggest nothing that the server does not have.",
    },
    Job {
        name: "month_in_review",
        title: "How was the month?",
        about: "What was watched in the last 30 days, by whom, and what is new.",
        task: "Tell me how the last 30 days on my Plex server were.",
        steps: &[
            ("get_watch_stats", "plays and hours in all, by day, person and library; timeRange = 30"),
            ("get_user_stats", "the same for each person; timeRange = 30"),
            ("get_popular_content", "what was watched most; timeRange = 30"),
            ("get_watch_history", "single plays, where something needs a closer look"),
            ("get_recently_added", "what came in; addedSince = 30d"),
            ("get_library_stats", "how large the libraries are now"),
        ],
        answer: "Write a short review: the figures that matter, who watched what, the titles of the month, and what is new. \
                 Say what you could not find out.",
    },
    Job {
        name: "never_watched",
        title: "What has nobody watched?",
        about: "Titles that have been there for long and were never played.",
        task: "Find what nobody has watched on my Plex server.",
        steps: &[
            ("get_libraries", "the libraries and their keys"),
            ("get_library_stats", "how much of each library is unwatched"),
            (
                "get_library_items",
                "the unwatched items, oldest first: unwatched = true, sort = addedAt, fields = ratingKey, title, year, \
                 addedAt, rating; go on with nextOffset",
            ),
            (
                "get_watch_history",
                "whether others played an item: unwatched is what the token's own account has not watched",
            ),
        ],
        answer: "List the titles in groups that help to decide about them, such as old and poorly rated, or well rated and \
                 worth a look. Change and delete nothing.",
    },
];

/// Whether the prompt takes a library's key.
pub(super) fn takes_library(prompt: &str) -> bool {
    JOBS.iter().any(|job| job.name == prompt)
}

impl Server {
    /// The prompts whose tools the client may know of.
    pub(super) fn prompts(&self) -> Vec<Prompt> {
        let possible = JOBS.iter().filter(|job| self.is_possible(job));
        possible
            .map(|job| {
                let library = PromptArgument::new(LIBRARY_KEY)
                    .with_title("Library")
                    .with_description("Only this library: its key, from get_libraries.")
                    .with_required(false);
                Prompt::new(job.name, Some(job.about), Some(vec![library])).with_title(job.title)
            })
            .collect()
    }

    fn is_possible(&self, job: &Job) -> bool {
        job.steps.iter().any(|(tool, _)| self.lists(tool))
    }

    /// The words of a prompt.
    pub(super) fn prompt(&self, request: &GetPromptRequestParams) -> Result<GetPromptResult, ErrorData> {
        let job = JOBS.iter().find(|job| job.name == request.name && self.is_possible(job));
        let job = job.ok_or_else(|| ErrorData::invalid_params("there is no such prompt", None))?;
        let library = library(request.arguments.as_ref())?;
        let known = job.steps.iter().filter(|(tool, _)| self.lists(tool));
        let steps: Vec<String> = known.map(|(tool, what_for)| format!("- {tool}: {what_for}.")).collect();
        let steps = steps.join("\n");
        let about = library.map_or_else(String::new, |key| {
            format!("Look at the library with libraryKey = {key} only, where a tool takes one.\n\n")
        });
        let text = format!("{}\n\nUse these tools, as far as they help:\n{steps}\n\n{about}{}", job.task, job.answer);
        let message = PromptMessage::new_text(Role::User, text);
        Ok(GetPromptResult::new(vec![message]).with_description(job.about))
    }
}

/// The key of the library that is meant: what is put into words for the model has to be a number.
fn library(arguments: Option<&Map<String, Value>>) -> Result<Option<String>, ErrorData> {
    let mut library = None;
    for (name, value) in arguments.into_iter().flatten() {
        if name != LIBRARY_KEY {
            return Err(ErrorData::invalid_params(format!("the prompt takes {LIBRARY_KEY} and nothing else"), None));
        }
        let key = match value {
            Value::Null => continue,
            Value::String(text) if text.trim().is_empty() => continue,
            Value::String(text) => text.trim().to_owned(),
            other => other.to_string(),
        };
        if !PlexId::is_valid(&key) {
            let problem = format!("{LIBRARY_KEY} must be a library's key, a number, as get_libraries gives it");
            return Err(ErrorData::invalid_params(problem, None));
        }
        library = Some(key);
    }
    Ok(library)
}
