use super::{
    follower::{self, FollowerState, progress},
    plays::{self, title_of},
};
use crate::{
    guard::{Amounts, Plan, Service, Write},
    plex::items::Item,
    tools::{Tool, arguments::PlexId, call::Call, change::facts, error::ToolError, public_keys::PublicKey},
    trakt::{
        follow::FINISHED,
        ids::{Found, reason_without_ids},
        scrobble::{Scrobbled, Step, Watching, WatchingBody},
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

/// Tell Trakt what is being watched: with action start, pause or stop for one item, or with action follow for everything
/// that one person plays on the Plex server from now on, until action unfollow or the end of this server. Trakt adds a play
/// to its history when it is stopped at 80 per cent or later. Each thing that following tells Trakt is a call of its own to
/// the policy, so it has to be allowed there without asking.
#[derive(JsonSchema)]
pub(super) struct TraktStartScrobbling;

/// What to tell.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Args {
    /// What happens.
    #[serde(default)]
    action: Action,
    /// The film's or episode's ratingKey; for start, pause and stop.
    rating_key: Option<PlexId>,
    /// Not needed: Plex knows the title.
    #[serde(rename = "title")]
    #[schemars(length(max = 1_000))]
    _title: Option<String>,
    /// The item's type, where it is to be checked.
    #[serde(rename = "type")]
    kind: Option<Kind>,
    /// How far it is, in per cent. Without it where Plex says that the play stands; needed for pause and stop where Plex
    /// keeps no place.
    #[schemars(range(min = 0, max = 100))]
    progress: Option<f64>,
    /// Not needed: Plex knows the length.
    #[serde(rename = "duration")]
    #[schemars(range(min = 0))]
    _duration: Option<f64>,
    /// Whom to follow or to follow no longer: the name or the number of a person of the Plex server. Without it the owner.
    #[schemars(length(min = 1, max = 200))]
    account: Option<String>,
    /// Seconds between two looks at what is being played.
    #[serde(default = "default_interval")]
    #[schemars(range(min = 1, max = 60))]
    interval_seconds: u64,
}

fn default_interval() -> u64 {
    10
}

/// What can be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Action {
    /// The item begins to be watched, or goes on.
    #[default]
    Start,
    /// It is halted.
    Pause,
    /// It ends.
    Stop,
    /// A person is followed.
    Follow,
    /// A person is no longer followed.
    Unfollow,
}

/// What can be watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Kind {
    /// A film.
    Movie,
    /// An episode.
    Episode,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Movie => "movie",
            Self::Episode => "episode",
        }
    }
}

/// What became of it.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Out {
    /// What was done, in a sentence.
    summary: String,
    /// What Trakt made of it: watching, paused, scrobbled (the play is in the history), `already_scrobbled` or `too_short`
    /// (nothing was kept).
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<String>,
    /// What Trakt was told of.
    #[serde(skip_serializing_if = "Option::is_none")]
    session_data: Option<SessionData>,
    /// Who is followed, or was until now.
    #[serde(skip_serializing_if = "Option::is_none")]
    follower: Option<FollowerState>,
}

/// What Trakt was told of.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct SessionData {
    /// The item's number in Plex.
    rating_key: String,
    /// The film with its year, or the episode with its show and numbers.
    title: String,
    /// movie or episode.
    #[serde(rename = "type")]
    kind: &'static str,
    /// How far it is, in per cent.
    progress: f64,
}

impl Tool for TraktStartScrobbling {
    const NAME: &'static str = "trakt_start_scrobbling";
    const TITLE: &'static str = "Tell Trakt what is being watched";
    const SERVICE: Service = Service::Trakt;
    const PUBLIC_KEYS: &'static [(&'static str, PublicKey)] = &[("success", PublicKey::Success)];
    type Effect = Write;
    type Args = Args;
    type Out = Out;

    async fn run(call: &Call<'_, Write>, args: Args) -> Result<Out, ToolError> {
        match args.action {
            Action::Start => scrobble(call, &args, Step::Start).await,
            Action::Pause => scrobble(call, &args, Step::Pause).await,
            Action::Stop => scrobble(call, &args, Step::Stop).await,
            Action::Follow => follow(call, &args).await,
            Action::Unfollow => unfollow(call, &args).await,
        }
    }
}

async fn scrobble(call: &Call<'_, Write>, args: &Args, step: Step) -> Result<Out, ToolError> {
    let Some(key) = &args.rating_key else {
        return Err(ToolError::argument("ratingKey", "is required for the actions start, pause and stop"));
    };
    let trakt = call.trakt().await?;
    let plex = call.plex().await?;
    let item = plex.item(key.as_str()).await?;
    let kind = match item.kind.as_deref() {
        Some("movie") => Kind::Movie,
        Some("episode") => Kind::Episode,
        _ => {
            return Err(ToolError::argument(
                "ratingKey",
                "is of neither a film nor an episode, which is all that Trakt knows",
            ));
        }
    };
    if args.kind.is_some_and(|asked| asked != kind) {
        return Err(ToolError::argument("type", format!("does not fit: the item is of the type {}", kind.as_str())));
    }
    // Plex forgets the place of what was watched to its end, which is not the same as 0.
    let placed = step == Step::Start || item.view_offset.is_some();
    let Some(at) = args.progress.or_else(|| progress(&item).filter(|_| placed)) else {
        return Err(ToolError::argument("progress", "is required: Plex does not know how far the item is"));
    };
    let show = match (kind, item.grandparent_rating_key.as_deref()) {
        (Kind::Episode, Some(show)) => plex.items_by_text(&[show]).await?.pop(),
        _ => None,
    };
    let title = title_of(&item);
    let watching = Watching { title: title.clone(), body: body(&item, show.as_ref())? };
    let finishes = step == Step::Stop && at >= FINISHED;
    let doing = match step {
        Step::Start => "is being watched",
        Step::Pause => "is halted",
        Step::Stop if finishes => "was watched, which adds a play to its history,",
        Step::Stop => "was stopped",
    };
    let plan = Plan {
        summary: format!("Tell Trakt that {title} {doing} at {at:.0} per cent"),
        facts: facts::of_items(&[&item], 1),
        affected: facts::affected(&[&item], 1),
        reserve: Amounts { items: u64::from(finishes), bytes: 0 },
        ..Plan::default()
    };
    let cleared = call.clear(plan).await?;
    let said = trakt.scrobble(&cleared, step, &watching, at).await?;
    call.used(Amounts { items: u64::from(said == Scrobbled::Added), bytes: 0 });
    let summary = match &said {
        Scrobbled::Watching => format!("Trakt shows {title} as being watched, at {at:.0} per cent."),
        Scrobbled::Paused => format!("Trakt keeps the place in {title}, at {at:.0} per cent."),
        Scrobbled::Added => format!("A play of {title} is in the Trakt history now."),
        Scrobbled::AlreadyThere => format!("Trakt has this play of {title} already; nothing was added."),
        Scrobbled::TooShort => format!("Less than one per cent of {title} was watched, which Trakt does not keep."),
        Scrobbled::Other(said) => format!("Trakt answered {said} for {title}."),
    };
    let rating_key = key.to_string();
    Ok(Out {
        summary,
        result: Some(said.as_str().to_owned()),
        session_data: Some(SessionData { rating_key, title, kind: kind.as_str(), progress: at }),
        follower: None,
    })
}

/// What Trakt is told of an item. Of an episode Trakt wants its own id, or its show with the numbers.
fn body(item: &Item, show: Option<&Item>) -> Result<WatchingBody, ToolError> {
    let found = Found::of(item.guid.as_deref(), &item.guids);
    let unknown = || {
        ToolError::argument(
            "ratingKey",
            format!("can't be told to Trakt: {}", reason_without_ids(item.guid.as_deref())),
        )
    };
    if item.kind.as_deref() == Some("movie") {
        let title = item.title.clone().unwrap_or_default();
        return if found.own.is_empty() {
            Err(unknown())
        } else {
            Ok(WatchingBody::Movie { ids: found.own, title, year: item.year })
        };
    }
    if let Some((show, season, number)) = found.by_number {
        return Ok(WatchingBody::EpisodeOf { show, season, number });
    }
    if found.own.tvdb.is_some() {
        return Ok(WatchingBody::Episode(found.own));
    }
    let show = show.map(|show| Found::of(show.guid.as_deref(), &show.guids).own).filter(|ids| !ids.is_empty());
    match (show, item.parent_index, item.index) {
        (Some(show), Some(season), Some(number)) => Ok(WatchingBody::EpisodeOf { show, season, number }),
        _ if !found.own.is_empty() => Ok(WatchingBody::Episode(found.own)),
        _ => Err(unknown()),
    }
}

async fn follow(call: &Call<'_, Write>, args: &Args) -> Result<Out, ToolError> {
    let trakt = call.trakt().await?;
    // Nobody is followed for nobody.
    let user = trakt.user().await?.username.unwrap_or_else(|| "the account".to_owned());
    let (account, name) = plays::person(call.plex().await?, args.account.as_deref()).await?;
    let plan = Plan {
        summary: format!(
            "Follow what {name} plays on Plex and tell the Trakt account of {user}, until that is stopped or this server ends"
        ),
        ..Plan::default()
    };
    call.clear(plan).await?;
    let interval = Duration::from_secs(args.interval_seconds);
    let mut followers = call.activity().followers();
    // Asked for again, it begins anew, with the new interval.
    followers.retain(|follower| follower.account != account);
    let follower = follower::begin(call.app(), call.caller(), (account, name.clone()), interval);
    let state = shown(&follower.state);
    followers.push(follower);
    Ok(Out {
        summary: format!(
            "{name} is followed: what {name} plays is told to Trakt. trakt_get_sync_status shows how it goes."
        ),
        result: None,
        session_data: None,
        follower: Some(state),
    })
}

async fn unfollow(call: &Call<'_, Write>, args: &Args) -> Result<Out, ToolError> {
    let (account, name) = plays::person(call.plex().await?, args.account.as_deref()).await?;
    call.remark("somebody is no longer followed: nothing was sent");
    let mut followers = call.activity().followers();
    let at = followers.iter().position(|follower| follower.account == account);
    let state = at.map(|at| shown(&followers.swap_remove(at).state));
    Ok(Out {
        summary: match state {
            Some(_) => format!("{name} is no longer followed."),
            None => format!("{name} was not followed."),
        },
        result: None,
        session_data: None,
        follower: state,
    })
}

fn shown(state: &Arc<std::sync::Mutex<FollowerState>>) -> FollowerState {
    state.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{plex::items::Guid, trakt::ids::Ids};

    #[test]
    fn trakt_is_told_of_an_episode_by_its_id_else_by_its_show() {
        let guids = |ids: &[&str]| ids.iter().map(|id| Guid { id: Some((*id).into()) }).collect();
        let episode = |ids: &[&str]| Item {
            kind: Some("episode".into()),
            parent_index: Some(0),
            index: Some(9),
            guids: guids(ids),
            ..Item::default()
        };
        let show = Item { guids: guids(&["tmdb://100"]), ..Item::default() };
        let ids = Ids { tvdb: Some(7), ..Ids::default() };
        assert_eq!(body(&episode(&["tvdb://7"]), Some(&show)).unwrap(), WatchingBody::Episode(ids));
        let of_show = WatchingBody::EpisodeOf { show: Ids { tmdb: Some(100), ..Ids::default() }, season: 0, number: 9 };
        assert_eq!(body(&episode(&["imdb://tt7"]), Some(&show)).unwrap(), of_show, "special 9 of season 0");
        assert!(body(&episode(&[]), None).unwrap_err().to_string().contains("ratingKey"));
    }
}
