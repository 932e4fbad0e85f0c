//! Editing an item's fields, tags, locks and poster: what the two tools and undoing share.

pub(in crate::tools) mod field;
mod parameters;

use super::poster::{self, Picture, Poster};
use crate::{
    guard::Change,
    plex::{
        change::{Edit, Made},
        error::PlexError,
        http::Plex,
        items::{Item, MediaType, listing},
    },
    tools::{
        call::Call,
        change::{
            self, Account, Intent, Road,
            before::{Before, FieldBefore, PosterBefore, TagKept, TagsBefore},
            facts, quoted,
        },
        error::ToolError,
    },
};
use field::{Family, Field, is_locked, type_number};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// What a poster's lock is called.
const THUMB: &str = "thumb";

/// An edit that is wanted of an item.
#[derive(Debug, Default)]
pub(in crate::tools) struct Wanted {
    /// Fields with their new text, empty to take it away, and whether they are to be locked.
    pub(in crate::tools) fields: Vec<(Field, String, bool)>,
    /// Families with all their tags, and whether they are to be locked.
    pub(in crate::tools) tags: Vec<(Family, Vec<TagKept>, bool)>,
    /// A poster, and whether it is to be locked.
    pub(in crate::tools) poster: Option<(Poster, bool)>,
}

/// What became of an edit.
#[derive(Debug, Default)]
pub(in crate::tools) struct Edited {
    pub(in crate::tools) account: Account,
    pub(in crate::tools) applied: Vec<&'static str>,
    pub(in crate::tools) ignored: Vec<&'static str>,
    pub(in crate::tools) tags: Vec<TagResult>,
    pub(in crate::tools) before: BTreeMap<&'static str, String>,
    pub(in crate::tools) after: BTreeMap<&'static str, String>,
    pub(in crate::tools) poster_set: bool,
}

/// What became of a family of tags.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(in crate::tools) struct TagResult {
    /// genres, collections, roles or directors.
    tag: &'static str,
    /// Whether the item has the wanted tags now.
    success: bool,
    /// The tags that it got.
    added: Vec<String>,
    /// The tags that it lost.
    removed: Vec<String>,
}

/// The edit, as far as it would change something.
struct Differences {
    fields: Vec<(Field, String, bool)>,
    tags: Vec<(Family, Vec<TagKept>, bool)>,
}

/// Edits an item.
pub(in crate::tools) async fn edit<E: Change>(
    call: &Call<'_, E>,
    item: &Item,
    wanted: Wanted,
    undoes: Option<String>,
    dry_run: bool,
) -> Result<Edited, ToolError> {
    let plex = call.plex().await?;
    let (kind, section) = check(item, &wanted)?;
    let key = item.rating_key.clone().unwrap_or_default();
    let differences = Differences::of(item, &wanted);
    check_merge(plex, item, section, &differences).await?;
    let posters = match &wanted.poster {
        Some((poster, locked)) => {
            Some((poster, *locked, poster::before(plex, item, poster, is_locked(item, THUMB)).await?))
        }
        None => None,
    };
    let intent = Intent {
        summary: summary(item, &differences, posters.as_ref().map(|(poster, ..)| *poster)),
        facts: facts::of_items(&[item], 1),
        affected: facts::affected(&[item], 1),
        before: Some(differences.before(item, &key, posters.as_ref().map(|(.., before)| before))),
        undoes,
        needed: !differences.fields.is_empty() || !differences.tags.is_empty() || posters.is_some(),
        dry_run,
    };
    let mut edited = Edited { before: differences.texts(item), ..Edited::default() };
    let cleared = match change::begin(call, intent).await? {
        Road::Act(cleared, account) => {
            edited.account = account;
            cleared
        }
        Road::Stop(account) => {
            edited.after.clone_from(&edited.before);
            return Ok(Edited { account, ..edited });
        }
    };
    // Fetched first: where there is no picture to be had, nothing is changed.
    let picture = match &posters {
        Some((poster, ..)) => poster.load(call, &cleared).await?,
        None => None,
    };
    let mut parameters = differences.parameters(item);
    if let Some((_, locked, _)) = &posters {
        parameters.push(parameters::lock(THUMB, *locked));
    }
    let mut sent = Ok(Made::Yes(String::new()));
    if !parameters.is_empty() {
        sent = plex.edit(&cleared, Edit { section, kind, rating_key: &key, parameters }).await;
    }
    if let (Ok(Made::Yes(_)), Some((poster, ..))) = (&sent, &posters) {
        sent = match (poster, picture) {
            (Poster::Select(name), _) => plex.select_poster(&cleared, &key, name).await,
            (_, Some(Picture { kind, content })) => plex.upload_poster(&cleared, &key, kind, content).await,
            (_, None) => sent,
        };
    }
    let confirmed = matches!(sent, Ok(Made::Yes(_)));
    let now = read(plex, &key, posters.as_ref().map(|(poster, _, before)| (*poster, before, confirmed))).await;
    let parts = differences.fields.len() + differences.tags.len() + usize::from(posters.is_some());
    let count = |(now, poster): &(Item, bool)| differences.shown(now) + u64::from(*poster);
    // A part that did not take is told of, and is no failure of the others.
    let total = if confirmed { 1 } else { parts as u64 };
    let now = change::settle(call, &mut edited.account, sent, now, total, count)?;
    call.reached(1);
    if let Some((now, poster)) = now {
        differences.report(item, &now, &mut edited);
        edited.poster_set = poster;
        if posters.is_some() && !poster {
            edited.account.warnings.push("Plex took the poster and shows another one".to_owned());
        }
    }
    Ok(edited)
}

/// Whether the item can be edited so: Plex's number for its type, and its library.
fn check<'i>(item: &'i Item, wanted: &Wanted) -> Result<(&'static str, &'i str), ToolError> {
    let kind = item.kind.as_deref().unwrap_or_default();
    let of = |name: &str| ToolError::argument(name, format!("is nothing that items of the type {kind} have"));
    let Some(number) = type_number(item) else {
        return Err(ToolError::argument(
            "ratingKey",
            format!("is of the type {}, which can't be edited", quoted(kind)),
        ));
    };
    if let Some((field, ..)) = wanted.fields.iter().find(|(field, ..)| !field.is_of(kind)) {
        return Err(of(field.names().0));
    }
    if let Some((family, ..)) = wanted.tags.iter().find(|(family, ..)| !family.is_of(kind)) {
        return Err(of(family.names().0));
    }
    if wanted.fields.iter().any(|(field, text, _)| *field == Field::Title && text.trim().is_empty()) {
        return Err(ToolError::argument("title", "must not be empty"));
    }
    let section = item.library_section_id.as_deref().ok_or_else(|| PlexError::not_found("the item's library"))?;
    Ok((number, section))
}

/// Plex merges an artist or album that gets the title of another one into that one, and nothing takes that back.
async fn check_merge(plex: &Plex, item: &Item, section: &str, differences: &Differences) -> Result<(), ToolError> {
    let kind = match item.kind.as_deref() {
        Some("artist") => MediaType::Artist,
        Some("album") => MediaType::Album,
        _ => return Ok(()),
    };
    let Some((_, title, _)) = differences.fields.iter().find(|(field, ..)| *field == Field::Title) else {
        return Ok(());
    };
    let request = listing(section, Some(kind)).with("title", title.as_str());
    let alike: Vec<Item> = plex.window(request, 0, u64::MAX).await?.items;
    let same = |other: &Item| {
        other.rating_key != item.rating_key
            && other.parent_rating_key == item.parent_rating_key
            && other.title.as_deref().is_some_and(|other| other.to_lowercase() == title.to_lowercase())
    };
    if alike.iter().any(same) {
        let problem = format!("is that of another {} here, and Plex would merge the two for good", kind.as_str());
        return Err(ToolError::argument("title", problem));
    }
    Ok(())
}

async fn read(
    plex: &Plex,
    key: &str,
    poster: Option<(&Poster, &PosterBefore, bool)>,
) -> Result<(Item, bool), PlexError> {
    let item = plex.item(key).await?;
    let shown = match poster {
        Some((poster, before, confirmed)) => poster.is_shown(&plex.posters(key).await?, before, confirmed),
        None => false,
    };
    Ok((item, shown))
}

impl Differences {
    fn of(item: &Item, wanted: &Wanted) -> Self {
        Self {
            fields: wanted.fields.iter().filter(|(field, text, _)| !field.is(item, text)).cloned().collect(),
            tags: wanted.tags.iter().filter(|(family, tags, _)| !family.is(item, tags)).cloned().collect(),
        }
    }

    fn before(&self, item: &Item, key: &str, poster: Option<&PosterBefore>) -> Before {
        let field = |(field, to, _): &(Field, String, bool)| {
            let name = field.names().1;
            FieldBefore { name: name.to_owned(), from: field.of(item), locked: is_locked(item, name), to: to.clone() }
        };
        let family = |(family, to, _): &(Family, Vec<TagKept>, bool)| {
            let name = family.names().1;
            TagsBefore { family: name.to_owned(), from: family.of(item), locked: is_locked(item, name), to: to.clone() }
        };
        Before::Metadata {
            rating_key: key.to_owned(),
            fields: self.fields.iter().map(field).collect(),
            tags: self.tags.iter().map(family).collect(),
            poster: poster.cloned(),
        }
    }

    fn parameters(&self, item: &Item) -> Vec<(String, String)> {
        let mut all = Vec::new();
        for (field, text, locked) in &self.fields {
            all.extend(parameters::field(field.names().1, text, *locked));
        }
        for (family, tags, locked) in &self.tags {
            all.extend(parameters::tags(family.names().1, &family.of(item), tags, *locked));
        }
        all
    }

    /// How many of them an item shows.
    fn shown(&self, item: &Item) -> u64 {
        let fields = self.fields.iter().filter(|(field, text, _)| field.is(item, text)).count();
        let tags = self.tags.iter().filter(|(family, tags, _)| family.is(item, tags)).count();
        (fields + tags) as u64
    }

    /// The fields of an item that are to be edited.
    fn texts(&self, item: &Item) -> BTreeMap<&'static str, String> {
        self.fields.iter().map(|(field, ..)| (field.names().0, field.of(item))).collect()
    }

    fn report(&self, item: &Item, now: &Item, edited: &mut Edited) {
        edited.after = self.texts(now);
        for (field, text, _) in &self.fields {
            let list = if field.is(now, text) { &mut edited.applied } else { &mut edited.ignored };
            list.push(field.names().0);
        }
        for (family, tags, _) in &self.tags {
            let (then, now_has) = (family.of(item), family.of(now));
            let without = |of: &[TagKept], other: &[TagKept]| -> Vec<String> {
                let lacks = |tag: &&TagKept| other.iter().all(|other| other.tag != tag.tag);
                of.iter().filter(lacks).map(|tag| tag.tag.clone()).collect()
            };
            let (name, success) = (family.names().0, family.is(now, tags));
            let (added, removed) = (without(&now_has, &then), without(&then, &now_has));
            edited.tags.push(TagResult { tag: name, success, added, removed });
            let list = if success { &mut edited.applied } else { &mut edited.ignored };
            list.push(name);
        }
        if !edited.ignored.is_empty() {
            let names = edited.ignored.join(", ");
            edited.account.warnings.push(format!("Plex accepted the edit, but these did not take: {names}"));
        }
    }
}

/// What is to be done, with old and new values of what is short.
fn summary(item: &Item, differences: &Differences, poster: Option<&Poster>) -> String {
    let kind = item.kind.as_deref().unwrap_or("item");
    let title = quoted(item.title.as_deref().unwrap_or_default());
    let shown = |text: &str| if text.is_empty() { "nothing".to_owned() } else { quoted(text) };
    let mut parts = Vec::new();
    for (field, text, _) in &differences.fields {
        parts.push(format!("{} from {} to {}", field.names().0, shown(&field.of(item)), shown(text)));
    }
    for (family, tags, _) in &differences.tags {
        let now = family.of(item);
        let only = |of: &[TagKept], other: &[TagKept], sign: &str| -> Vec<String> {
            let lacks = |tag: &&TagKept| other.iter().all(|other| other.tag != tag.tag);
            of.iter().filter(lacks).map(|tag| format!("{sign}{}", quoted(&tag.tag))).collect()
        };
        let changes = [only(tags, &now, "+"), only(&now, tags, "-")].concat();
        let note = if *family == Family::Collections { " (a collection begins and ends with its items)" } else { "" };
        parts.push(format!("{} {}{note}", family.names().0, changes.join(" ")));
    }
    if let Some(poster) = poster {
        parts.push(poster.in_words());
    }
    let parts = if parts.is_empty() { "nothing".to_owned() } else { parts.join("; ") };
    format!("Edit the {kind} {title}: {parts}")
}
