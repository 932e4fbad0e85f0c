use super::{
    content::{self, Playable},
    creation::{self, New, Source},
    smart_filter,
};
use crate::{
    guard::{Affected, Facts, Write},
    http::Get,
    plex::{
        http::Plex,
        items::{Item, MediaType, Section},
        pager::Pager,
        playlists::Playlist,
    },
    tools::{
        Tool,
        arguments::PlexId,
        call::Call,
        change::{self, Account, Intent, Road, before::Before, counted, facts, quoted, quoted_list},
        error::ToolError,
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Make a playlist of items, or a smart one that always holds what its rules find. Items are named by `ratingKeys`: a show,
/// season, artist or album puts all its episodes or tracks in. A smart one takes `smart` and `librarySectionId`, and
/// `smartFilter` for its rules.
#[derive(JsonSchema)]
pub(super) struct CreatePlaylist;

/// What to make.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Args {
    /// Its name.
    #[schemars(length(min = 1, max = 255))]
    title: String,
    /// What it plays. The types of items mean their kind of playlist, and for a smart one what it finds.
    #[serde(rename = "type")]
    kind: Kind,
    /// The items' ratingKeys, in the order that they are to have. Not for a smart playlist.
    #[serde(default)]
    #[schemars(length(max = 1_000))]
    rating_keys: Vec<PlexId>,
    /// Make a smart playlist.
    #[serde(default)]
    smart: bool,
    /// For a smart playlist: the library's key, from `get_libraries`.
    library_section_id: Option<PlexId>,
    /// For a smart playlist: the type of items that it finds, where `type` does not say it.
    libtype: Option<Libtype>,
    /// For a smart playlist: its rules, such as genre=Comedy&unwatched=1&sort=year:desc. Tags go by name or number. Everything,
    /// if left out.
    #[schemars(length(max = 2_000))]
    smart_filter: Option<String>,
    /// Make nothing where there is a playlist of this title already.
    #[serde(default)]
    unless_exists: bool,
    /// Only say what would be done and what the policy would decide.
    #[serde(default)]
    dry_run: bool,
}

/// What a playlist plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Video,
    Audio,
    Photo,
    Movie,
    Show,
    Episode,
    Artist,
    Album,
    Track,
}

/// What a smart playlist finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Libtype {
    Movie,
    Show,
    Season,
    Episode,
    Artist,
    Album,
    Track,
    Photo,
    Photoalbum,
}

impl Kind {
    fn class(self) -> &'static str {
        match self {
            Self::Video | Self::Movie | Self::Show | Self::Episode => "video",
            Self::Audio | Self::Artist | Self::Album | Self::Track => "audio",
            Self::Photo => "photo",
        }
    }

    fn libtype(self) -> Option<Libtype> {
        match self {
            Self::Video | Self::Audio | Self::Photo => None,
            Self::Movie => Some(Libtype::Movie),
            Self::Show => Some(Libtype::Show),
            Self::Episode => Some(Libtype::Episode),
            Self::Artist => Some(Libtype::Artist),
            Self::Album => Some(Libtype::Album),
            Self::Track => Some(Libtype::Track),
        }
    }
}

impl Libtype {
    /// Plex's number, Plex's name, and the type of the libraries that have it.
    fn known(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Movie => ("1", "movie", "movie"),
            Self::Show => ("2", "show", "show"),
            Self::Season => ("3", "season", "show"),
            Self::Episode => ("4", "episode", "show"),
            Self::Artist => ("8", "artist", "artist"),
            Self::Album => ("9", "album", "artist"),
            Self::Track => ("10", "track", "artist"),
            Self::Photo => ("13", "photo", "photo"),
            Self::Photoalbum => ("14", "photoalbum", "photo"),
        }
    }

    /// What is played of a library where nothing else is said.
    fn played_of(section: &str) -> Option<Self> {
        match section {
            "movie" => Some(Self::Movie),
            "show" => Some(Self::Episode),
            "artist" => Some(Self::Track),
            "photo" => Some(Self::Photo),
            _ => None,
        }
    }
}

/// The playlist.
#[derive(Serialize, JsonSchema)]
pub(super) struct Out {
    /// Whether it was made.
    created: bool,
    /// Whether it is rules, not a list.
    smart: bool,
    /// The playlist; absent where none was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    playlist: Option<Row>,
    #[serde(flatten)]
    account: Account,
}

/// A playlist.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Row {
    /// Its number, for the tools that take a playlistId.
    rating_key: String,
    /// Its title.
    title: String,
    /// playlist
    #[serde(rename = "type")]
    kind: &'static str,
    /// video, audio or photo.
    playlist_type: String,
    /// Whether it is rules, not a list.
    smart: bool,
    /// How many items it has.
    leaf_count: u64,
}

/// What the new playlist is to hold.
enum Content {
    Items(Playable),
    Rules { section: Section, path: String, total: Option<u64>, libtype: &'static str },
}

impl Content {
    fn source(&self) -> Source<'_> {
        match self {
            Self::Items(playable) => Source::Items { named: &playable.named, leaves: &playable.leaves },
            Self::Rules { path, .. } => Source::Rules { path },
        }
    }
}

impl Tool for CreatePlaylist {
    const NAME: &'static str = "create_playlist";
    const TITLE: &'static str = "Make a playlist";
    const TIME_LIMIT: Duration = Duration::from_secs(300);
    type Effect = Write;
    type Args = Args;
    type Out = Out;

    async fn run(call: &Call<'_, Write>, args: Args) -> Result<Out, ToolError> {
        // As Plex keeps it, so that it is found again.
        let args = Args { title: args.title.trim().to_owned(), ..args };
        check(&args)?;
        let plex = call.plex().await?;
        let content = if args.smart { rules(plex, &args).await? } else { items(plex, &args).await? };
        let same_title = |playlist: &Playlist| playlist.title.as_deref() == Some(args.title.as_str());
        let others: Vec<Playlist> = plex.playlists().await?.into_iter().filter(same_title).collect();
        let exists = args.unless_exists && !others.is_empty();
        let mut plan = intent(&args, &content, &others);
        plan.needed = !exists;
        let (row, mut account) = match change::begin(call, plan).await? {
            Road::Stop(account) => (None, account),
            Road::Act(cleared, mut account) => {
                let new = New { title: &args.title, class: args.kind.class(), content: content.source() };
                let (playlist, entries) = creation::make(call, &cleared, &mut account, new, &others).await?;
                let leaf_count = entries.len() as u64;
                (existing(&playlist).map(|row| Row { leaf_count, ..row }), account)
            }
        };
        let row = row.or_else(|| others.first().filter(|_| exists).and_then(existing));
        if !others.is_empty() && !exists {
            let count = counted(others.len() as u64, "other playlist");
            account.warnings.push(format!("there is {count} of this title; unlessExists makes none then"));
        }
        if let Content::Rules { total: Some(0), .. } = content {
            account.warnings.push("the rules find nothing at present".to_owned());
        }
        Ok(Out { created: account.changed, smart: args.smart, playlist: row, account })
    }
}

/// What can be told without asking Plex.
fn check(args: &Args) -> Result<(), ToolError> {
    if args.title.is_empty() {
        return Err(ToolError::argument("title", "must not be empty"));
    }
    if args.smart {
        if !args.rating_keys.is_empty() {
            let problem = "are for a playlist of items; a smart playlist finds its items by smartFilter: leave one out";
            return Err(ToolError::argument("ratingKeys", problem));
        }
        if args.library_section_id.is_none() {
            return Err(ToolError::argument("librarySectionId", "is required for a smart playlist"));
        }
        return Ok(());
    }
    let only_smart = [
        ("librarySectionId", args.library_section_id.is_some()),
        ("libtype", args.libtype.is_some()),
        ("smartFilter", args.smart_filter.is_some()),
    ];
    if let Some((field, _)) = only_smart.into_iter().find(|(_, given)| *given) {
        return Err(ToolError::argument(field, "is for a smart playlist: set smart, or leave it out"));
    }
    if args.rating_keys.is_empty() {
        return Err(ToolError::argument("ratingKeys", "is required: what is to be in the playlist; or set smart"));
    }
    Ok(())
}

async fn items(plex: &Plex, args: &Args) -> Result<Content, ToolError> {
    let playable = Playable::resolve(plex, "ratingKeys", &args.rating_keys).await?;
    if playable.class != args.kind.class() {
        let problem =
            format!("is a playlist of {}, and the ratingKeys name {} items", args.kind.class(), playable.class);
        return Err(ToolError::argument("type", problem));
    }
    if playable.leaves.is_empty() {
        return Err(ToolError::argument("ratingKeys", "name nothing that can be played"));
    }
    Ok(Content::Items(playable))
}

async fn rules(plex: &Plex, args: &Args) -> Result<Content, ToolError> {
    let key = args.library_section_id.as_ref().map(PlexId::as_str).unwrap_or_default();
    let section = plex.section(key).await?;
    let of = section.kind.as_deref().unwrap_or_default();
    let libtype = args.libtype.or(args.kind.libtype()).or(Libtype::played_of(of));
    let Some((number, name, _)) = libtype.map(Libtype::known).filter(|(.., needs)| *needs == of) else {
        let field = if args.libtype.is_some() { "libtype" } else { "type" };
        return Err(ToolError::argument(field, format!("is not a type of the items of a {of} library")));
    };
    if content::class_of(name).unwrap_or("photo") != args.kind.class() {
        return Err(ToolError::argument(
            "type",
            format!("is a playlist of {}, and libtype is {name}", args.kind.class()),
        ));
    }
    let mut rules = smart_filter::read(args.smart_filter.as_deref().unwrap_or_default())?;
    if let Some(kind) = MediaType::named(name) {
        rules = smart_filter::numbered(plex, key, kind, rules).await?;
    }
    let request = Get::new(format!("library {key}"), ["library", "sections", key, "all"]).with("type", number);
    let request = rules.iter().fold(request, |request, rule| request.with(rule.name.clone(), rule.value.clone()));
    // Also what tells whether Plex understands the rules.
    let total = Pager::total_of(plex, &request).await.map_err(|error| match error.code() {
        "bad_answer" => ToolError::argument("smartFilter", "was not understood by Plex"),
        _ => error.into(),
    })?;
    let query = smart_filter::query(&rules)?;
    let and = if query.is_empty() { "" } else { "&" };
    let path = format!("/library/sections/{key}/all?type={number}{and}{query}");
    Ok(Content::Rules { section, path, total: total.total, libtype: name })
}

fn intent(args: &Args, content: &Content, others: &[Playlist]) -> Intent {
    let title = quoted(&args.title);
    let class = args.kind.class();
    let others = others.iter().filter_map(|playlist| playlist.rating_key.clone()).collect();
    let (summary, facts, affected, items) = match content {
        Content::Items(playable) => {
            let (items, total): (Vec<&Item>, _) = (playable.items.iter().collect(), playable.leaves.len() as u64);
            let titles = items.iter().map(|item| item.title.as_deref().unwrap_or_default());
            let count = counted(total, "item");
            let summary = format!("Make the {class} playlist {title} of {count}: {}", quoted_list(titles));
            (summary, facts::of_items(&items, total), facts::affected(&items, total), Some(playable.leaves.clone()))
        }
        Content::Rules { section, total, libtype, .. } => {
            let library = section.title.clone();
            let finds = total.map_or_else(String::new, |total| format!(", at present {}", counted(total, "item")));
            let of = quoted(library.as_deref().unwrap_or_default());
            let facts = Facts::default()
                .with("item.type", *libtype)
                .with_known("item.library", library.clone())
                .with_known("item.library_id", section.key.clone())
                .with_known("item.count", *total);
            let affected = Affected { library, items: Some(1), ..Affected::default() };
            (format!("Make the smart {class} playlist {title} of the library {of}{finds}"), facts, affected, None)
        }
    };
    let count = items.as_ref().map(|items| items.len() as u64);
    Intent {
        summary,
        facts: facts.with("playlist.title", args.title.as_str()).with_known("playlist.count", count),
        affected,
        before: Some(Before::Made { title: args.title.clone(), others, items }),
        undoes: None,
        needed: true,
        dry_run: args.dry_run,
    }
}

fn existing(playlist: &Playlist) -> Option<Row> {
    Some(Row {
        rating_key: playlist.rating_key.clone()?,
        title: playlist.title.clone().unwrap_or_default(),
        kind: "playlist",
        playlist_type: playlist.playlist_type.clone().unwrap_or_default(),
        smart: playlist.smart,
        leaf_count: playlist.leaf_count.and_then(|count| u64::try_from(count).ok()).unwrap_or_default(),
    })
}
