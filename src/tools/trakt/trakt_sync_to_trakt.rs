use super::{
    activity::{Running, alone, another_runs},
    plays::{self, Plays},
    ratings::{self, Ratings},
    sync_result::{MAX_TITLES, Out, PlayRow, Summary, by_reason, window},
};
use crate::{
    guard::{Amounts, Cleared, Foreseen, Plan, Service, Write},
    tools::{Tool, call::Call, change::facts, error::ToolError, listing::Paging, public_keys::PublicKey},
    trakt::{
        error::TraktError,
        history::{NewPlay, Viewed},
        http::Trakt,
        marks::Marks,
        missing::{Known, MOST_APART, Missing},
        ratings::NewRating,
    },
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

/// Add to the Trakt history the plays of one person of the Plex server that it lacks. Without dryRun: false it only lists
/// them. Trakt's own history is read first, so that a second call sends nothing: a play counts as there where Trakt has one
/// of the same film or episode within its running time, a quarter of an hour at least. What can't be sent in one call is
/// sent by the next.
#[derive(JsonSchema)]
pub(super) struct TraktSyncToTrakt;

/// What to send.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Args {
    /// Only list what would be sent.
    #[serde(default = "yes")]
    dry_run: bool,
    /// Plays a request.
    #[serde(default = "default_batch")]
    #[schemars(range(min = 1, max = 500))]
    batch_size: u64,
    /// Whose plays: the name or the number of a person of the Plex server. Without it the owner's.
    #[schemars(length(min = 1, max = 200))]
    account: Option<String>,
    /// Only plays of the last so many days.
    #[schemars(range(min = 1, max = 36_500))]
    days: Option<i64>,
    /// Also send the owner's ratings of films and shows, rounded to whole numbers, where Trakt has none or another.
    #[serde(default)]
    include_ratings: bool,
    /// Not offered: how far unfinished plays are is told by `trakt_start_scrobbling`.
    #[serde(default)]
    include_progress: bool,
    /// The most plays to list. The answer may hold fewer; nextOffset then says where to go on.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 1_000))]
    limit: u64,
    /// The position of the first play to list.
    #[serde(default)]
    #[schemars(range(min = 0, max = 10_000_000))]
    offset: u64,
}

fn yes() -> bool {
    true
}

fn default_batch() -> u64 {
    50
}

fn default_limit() -> u64 {
    100
}

/// How long plays are sent in one call: many clients give a call up after a minute.
const SENDING: Duration = Duration::from_secs(40);
/// Ratings a request.
const RATINGS: usize = 100;

impl Tool for TraktSyncToTrakt {
    const NAME: &'static str = "trakt_sync_to_trakt";
    const TITLE: &'static str = "Send plays to Trakt";
    const SERVICE: Service = Service::Trakt;
    const IDEMPOTENT: bool = true;
    const TIME_LIMIT: Duration = Duration::from_secs(600);
    const PUBLIC_KEYS: &'static [(&'static str, PublicKey)] = &[("success", PublicKey::Success)];
    type Effect = Write;
    type Args = Args;
    type Out = Out;

    async fn run(call: &Call<'_, Write>, args: Args) -> Result<Out, ToolError> {
        let began = Instant::now();
        if args.include_progress {
            let problem = "is not offered: use trakt_start_scrobbling with action pause to keep a place in Trakt";
            return Err(ToolError::argument("includeProgress", problem));
        }
        let trakt = call.trakt().await?;
        let running = call.activity().begin("to_trakt", args.dry_run).ok_or_else(another_runs)?;
        let _alone = if args.dry_run { None } else { Some(alone(&trakt).await?) };
        // Whose history it is going to be; and nothing is read for nobody.
        let user = trakt.user().await?.username.unwrap_or_else(|| "the account".to_owned());
        let plex = call.plex().await?;
        let (account, name) = plays::person(plex, args.account.as_deref()).await?;
        let since = args.days.map(|days| Timestamp::now().as_second().saturating_sub(days.saturating_mul(86_400)));
        let read = plays::read(call, &running, account, since).await?;
        let mut known = known(call, &running, &trakt, since).await?;
        // What trakt_sync_from_trakt marked in Plex came from there.
        let marks = Marks::load(trakt.account().file())?;
        let plays = read.known.iter().zip(&read.about);
        for (play, _) in plays.filter(|(play, about)| marks.made(&about.rating_key, play.at)) {
            known.add_known(play);
        }
        let missing = known.compare(&read.known);
        let ratings = if args.include_ratings { Some(ratings::missing(call, &trakt).await?) } else { None };
        let ratings = ratings.as_ref();
        let sync =
            Sync { call, running: &running, trakt: &trakt, args: &args, read: &read, missing: &missing, ratings };
        let mut done = Done::default();
        let plan = sync.plan(&format!("{name}'s plays"), &user).await?;
        let nothing = missing.missing.is_empty() && sync.new_ratings().is_empty();
        if args.dry_run || nothing {
            let preview = call.preview(&plan).await?;
            call.remark(if args.dry_run { "dry run: nothing was to be sent" } else { "Trakt lacked nothing" });
            if args.dry_run {
                done.decision = Some(preview.decision);
                done.refusal = preview.refusal.map(|refusal| refusal.reason);
            }
        } else {
            let cleared = call.clear(plan).await?;
            sync.send(&cleared, &mut done).await?;
            if done.sent == missing.missing.len() {
                sync.rate(&cleared, &mut done).await?;
            }
        }
        Ok(sync.told(done, began))
    }
}

/// Reads the account's history, page by page, as far back as plays of Plex's can have a counterpart.
async fn known(
    call: &Call<'_, Write>,
    running: &Running<'_>,
    trakt: &Trakt,
    since: Option<i64>,
) -> Result<Known, ToolError> {
    let mut known = Known::default();
    let mut read = 0;
    let since = since.map(|since| since.saturating_sub(MOST_APART));
    for mut pages in [trakt.movie_history(since), trakt.episode_history(since)] {
        while let Some(rows) = pages.next::<Viewed>().await? {
            read += rows.len() as u64;
            for viewed in &rows {
                known.add(viewed);
            }
            running.at(call, "trakt", read, None);
        }
    }
    Ok(known)
}

/// What became of what was sent.
#[derive(Default)]
struct Done {
    /// Plays that were sent.
    sent: usize,
    added: u64,
    not_found: Vec<String>,
    rated: u64,
    decision: Option<Foreseen>,
    refusal: Option<String>,
}

struct Sync<'s, 'c> {
    call: &'s Call<'c, Write>,
    running: &'s Running<'s>,
    trakt: &'s Trakt,
    args: &'s Args,
    read: &'s Plays,
    missing: &'s Missing,
    /// None where they were not asked for.
    ratings: Option<&'s Ratings>,
}

impl Sync<'_, '_> {
    fn title(&self, play: usize) -> String {
        self.read.about.get(play).map(|about| about.title.clone()).unwrap_or_default()
    }

    fn new_ratings(&self) -> &[NewRating] {
        self.ratings.map(|ratings| ratings.new.as_slice()).unwrap_or_default()
    }

    async fn plan(&self, whose: &str, user: &str) -> Result<Plan, ToolError> {
        let plays = self.missing.missing.len();
        let rated = self.new_ratings().len();
        let mut seen = HashSet::new();
        let keys: Vec<&str> = self
            .missing
            .missing
            .iter()
            .filter_map(|&play| self.read.about.get(play))
            .map(|about| about.rating_key.as_str())
            .filter(|key| seen.insert(*key))
            .collect();
        let items = self.call.plex().await?.items_by_text(&keys).await?;
        let items: Vec<_> = items.iter().collect();
        let count = (plays + rated) as u64;
        let ratings = if rated > 0 { format!(" and {rated} ratings") } else { String::new() };
        let titles: Vec<String> = self.missing.missing.iter().take(3).map(|&play| self.title(play)).collect();
        let more = if plays > 3 { format!(" and {} more", plays - 3) } else { String::new() };
        let which = if titles.is_empty() { String::new() } else { format!(": {}{more}", titles.join(", ")) };
        let mut affected = facts::affected(&items, count);
        affected.titles = self.missing.missing.iter().map(|&play| self.title(play)).collect();
        Ok(Plan {
            summary: format!("Add {plays} of {whose}{ratings} to the Trakt history of {user}{which}"),
            facts: facts::of_items(&items, count),
            affected,
            reserve: Amounts { items: count, bytes: 0 },
            ..Plan::default()
        })
    }

    /// Sends batch after batch until all are sent, or a call's time is over.
    async fn send(&self, cleared: &Cleared<'_>, done: &mut Done) -> Result<(), ToolError> {
        let began = Instant::now();
        let total = self.missing.missing.len();
        let size = usize::try_from(self.args.batch_size).unwrap_or(usize::MAX).max(1);
        for batch in self.missing.missing.chunks(size) {
            if began.elapsed() > SENDING {
                break;
            }
            let plays: Vec<NewPlay> = batch
                .iter()
                .filter_map(|&play| self.read.known.get(play))
                .map(|play| NewPlay { what: play.what.clone(), at: play.at })
                .collect();
            match self.trakt.add_to_history(cleared, &plays).await {
                Ok(answer) => {
                    done.sent += batch.len();
                    done.added += answer.added;
                    let unknown = answer.not_found.iter().filter_map(|&at| batch.get(at));
                    done.not_found.extend(unknown.map(|&play| self.title(play)));
                }
                Err(error) => return Err(self.stopped(done, error)),
            }
            self.call.reached(done.added);
            self.running.at(self.call, "sending", done.sent as u64, Some(total as u64));
        }
        Ok(())
    }

    /// Sends the ratings, batch after batch.
    async fn rate(&self, cleared: &Cleared<'_>, done: &mut Done) -> Result<(), ToolError> {
        for batch in self.new_ratings().chunks(RATINGS) {
            match self.trakt.rate(cleared, batch).await {
                Ok(taken) => done.rated += taken,
                Err(error) => return Err(self.stopped(done, error)),
            }
            self.call.reached(done.added + done.rated);
        }
        Ok(())
    }

    /// The error of a sync that stops in the middle, with what was and what was not written.
    fn stopped(&self, done: &Done, error: TraktError) -> ToolError {
        let (plays, ratings) = (self.missing.missing.len() as u64, self.new_ratings().len() as u64);
        let (written, total) = (done.added + done.rated, plays + ratings);
        let and_ratings = if ratings > 0 { format!(" and {ratings} ratings") } else { String::new() };
        let summary = format!("adding {plays} plays{and_ratings} to the Trakt account");
        self.running.ends(format!("stopped after {} of {plays} plays: {error}", done.added));
        self.call.reached(written);
        let cause = format!("{error}; another call looks at what Trakt has and goes on from there");
        if error.leaves_unknown() {
            return ToolError::Unsettled { summary, cause, change_id: None };
        }
        if written == 0 {
            // Nothing is there by this call, and what keeps it from being there is all there is to say.
            return error.into();
        }
        ToolError::Partly { summary, done: written, total, cause, change_id: None }
    }

    fn told(&self, done: Done, began: Instant) -> Out {
        let Self { read, missing, args, .. } = self;
        let total = missing.missing.len();
        let ended = if args.dry_run { 0 } else { done.sent };
        let sent = ended as u64;
        let shown: &[usize] =
            if args.dry_run { &missing.missing } else { missing.missing.get(..ended).unwrap_or_default() };
        let mut warnings = Vec::new();
        let unaccounted = sent.saturating_sub(done.added + done.not_found.len() as u64);
        if unaccounted > 0 {
            warnings.push(format!("Trakt added {unaccounted} plays fewer than it was sent, and does not say which"));
        }
        if done.added > sent {
            warnings.push(format!("Trakt says that it added {} plays, though {sent} were sent", done.added));
        }
        let ratings_missing = self.ratings.map(|ratings| ratings.new.len() as u64);
        let remaining = (total - ended) as u64;
        if remaining > 0 && !args.dry_run {
            warnings.push("not everything fitted into this call: call again, and it goes on".to_owned());
        }
        let refused = ratings_missing.unwrap_or(0).saturating_sub(done.rated);
        if refused > 0 && remaining == 0 && !args.dry_run {
            warnings.push(format!(
                "Trakt took {refused} ratings fewer than it was sent: it does not know what they are of"
            ));
        }
        let copies = missing.same.iter().filter(|same| self.several_copies(same)).count() as u64;
        let (plays, paging) = Paging::fit(window(shown, args.offset, args.limit), args.offset, args.limit, |play| {
            let at = read.known.get(play).map(|play| play.at).unwrap_or_default();
            PlayRow {
                title: self.title(play),
                watched_at: Timestamp::from_second(at).map(|at| at.to_string()).unwrap_or_default(),
                rating_key: read.about.get(play).map(|about| about.rating_key.clone()).unwrap_or_default(),
            }
        });
        let summary = Summary {
            items_processed: read.rows,
            items_added: done.added,
            items_updated: done.rated,
            items_failed: sent.saturating_sub(done.added),
            missing: total as u64,
            already_there: missing.there.len() as u64,
            folded: missing.folded.len() as u64,
            copies_as_one: copies,
            skipped: read.skipped.len() as u64,
            other_types: read.other_types,
            remaining,
            ratings_missing,
            duration: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        };
        let rated = ratings_missing.unwrap_or(0) == done.rated;
        self.running.ends(if args.dry_run {
            format!("{total} plays would be sent")
        } else {
            format!("{} of {total} plays were added", done.added)
        });
        let mut not_found = done.not_found;
        not_found.truncate(MAX_TITLES);
        Out {
            dry_run: args.dry_run,
            complete: remaining == 0 && rated,
            summary,
            plays,
            paging,
            not_found,
            skipped: by_reason(&read.skipped),
            warnings,
            decision: done.decision.map(Foreseen::as_str),
            refusal: done.refusal,
            start_time: self.running.started_at(),
            end_time: Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default().to_string(),
        }
    }

    /// Whether plays of one thing are of several copies or editions of it.
    fn several_copies(&self, same: &[usize]) -> bool {
        let mut copies = same.iter().filter_map(|&play| self.read.about.get(play));
        let first = copies.next();
        first.is_some_and(|first| {
            copies.any(|other| other.rating_key != first.rating_key || other.edition != first.edition)
        })
    }
}
