use super::watched::{self, State};
use crate::{
    guard::Destroy,
    tools::{Tool, arguments::PlexId, call::Call, change::Account, error::ToolError},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Mark a film, an episode, or everything of a show, season, artist or album as unwatched. Plex then forgets how often and
/// when it was played and where an unfinished play stood, and nothing brings that back.
#[derive(JsonSchema)]
pub(super) struct MarkUnwatched;

/// What to mark.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Args {
    /// The item's ratingKey, from a listing or a search.
    rating_key: PlexId,
    /// Only say what would be done and what the policy would decide.
    #[serde(default)]
    dry_run: bool,
}

/// The watch state.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Out {
    /// Whether anything was changed.
    updated: bool,
    /// Whether all of it is watched now.
    watched: bool,
    /// The item.
    rating_key: String,
    /// The item's title.
    title: Option<String>,
    /// How many films, episodes or tracks were changed, or with dryRun would be.
    items_changed: u64,
    /// How it stood before.
    before: State,
    /// How it stands now.
    after: State,
    #[serde(flatten)]
    account: Account,
}

impl Tool for MarkUnwatched {
    const NAME: &'static str = "mark_unwatched";
    const TITLE: &'static str = "Mark as unwatched";
    const IDEMPOTENT: bool = true;
    // A long show takes a request an episode.
    const TIME_LIMIT: Duration = Duration::from_secs(600);
    type Effect = Destroy;
    type Args = Args;
    type Out = Out;

    async fn run(call: &Call<'_, Destroy>, args: Args) -> Result<Out, ToolError> {
        let subject = watched::resolve(call.plex().await?, args.rating_key.as_str()).await?;
        let touch = subject.to_touch(false);
        let marked = watched::mark(call, &subject, &touch, false, None, args.dry_run).await?;
        Ok(Out {
            updated: marked.account.changed,
            watched: marked.now.is_watched(),
            rating_key: args.rating_key.to_string(),
            title: subject.item.title.clone(),
            items_changed: marked.touched,
            before: marked.from,
            after: marked.now,
            account: marked.account,
        })
    }
}
