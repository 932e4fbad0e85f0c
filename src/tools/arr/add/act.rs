//! Adding a title, from looking it up to knowing that it is there.

use super::{Adding, ArrError, Title, ToolError, Twin, Write};
use crate::{
    arr::{Arr, Dialect, Existing, names_same, records::RootFolder, year_in_brackets},
    guard::{Affected, Amounts, Facts, Plan},
    tools::{
        arr::{choice, rows::label},
        call::Call,
    },
};
use futures_util::try_join;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use std::time::Duration;

/// Pauses before looks at the library, where a service did not say whether it added a title.
const LOOKS: [Duration; 3] = [Duration::from_millis(300), Duration::from_secs(1), Duration::from_secs(3)];

/// What was asked for, the same for both services.
pub(super) struct Wanted {
    pub(super) foreign_id: i64,
    pub(super) title: Option<String>,
    pub(super) profile: Option<i64>,
    pub(super) root: Option<String>,
    pub(super) language: Option<i64>,
    pub(super) monitored: bool,
    pub(super) search_now: bool,
}

/// What was done.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Addition {
    /// Always true: what was not added is an error.
    added: bool,
    /// The quality profile's name.
    quality_profile: String,
    /// The root folder that it is kept beneath.
    root_folder_path: String,
    /// Whether a search for downloads was begun with it.
    search_started: bool,
    /// What is unusual about how it went.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
}

/// What a title is added with.
struct Choice {
    profile: (i64, String),
    language: Option<i64>,
    root: String,
}

pub(super) async fn add<T: Twin>(
    call: &Call<'_, Write>,
    wanted: Wanted,
    adding: &(impl Adding + Sync),
) -> Result<(Title, Addition), ToolError> {
    let client = T::client(call).await?;
    if let Some(held) = client.held(wanted.foreign_id).await? {
        return Err(already_there(&client, held, adding).into());
    }
    let (known, profiles, roots, languages) = try_join!(
        client.known(wanted.foreign_id),
        client.quality_profiles(),
        client.root_folders(),
        client.language_profiles(),
    )?;
    let old = languages.is_some();
    adding.check(old)?;
    let title = expected(T::DIALECT, &wanted, known)?;
    let choice = Choice {
        profile: choice::profile(T::DIALECT, profiles, wanted.profile)?,
        language: match languages {
            Some(languages) => Some(choice::language(T::DIALECT, languages, wanted.language)?.0),
            None => None,
        },
        root: root::<T>(roots, &wanted)?,
    };
    let body = body(&title, &wanted, &choice, |body| adding.tell(&title, old, body));
    let cleared = call.clear(plan::<T>(&title, &wanted, &choice, adding)).await?;
    let (title, warning) = match client.add(&cleared, &body).await {
        Ok(added) if added.id.is_some() => (added, None),
        // Said to be done, but not in a form that can be read.
        Ok(_) => settle(&client, &wanted, &title, None).await?,
        Err(error) if error.may_be_there() => {
            return Err(match client.held(wanted.foreign_id).await {
                Ok(Some(held)) => already_there(&client, held, adding),
                Ok(None) | Err(_) => error,
            }
            .into());
        }
        Err(error) if error.leaves_unknown() => settle(&client, &wanted, &title, Some(error)).await?,
        Err(error) => return Err(error.into()),
    };
    let added = Addition {
        added: true,
        quality_profile: choice.profile.1,
        root_folder_path: choice.root,
        search_started: wanted.search_now,
        warning,
    };
    Ok((title, added))
}

fn root<T: Twin>(roots: Vec<RootFolder>, wanted: &Wanted) -> Result<String, ToolError> {
    choice::root(T::DIALECT, roots, wanted.root.as_deref())
}

/// The title that is meant, or what speaks against it.
fn expected(dialect: &'static Dialect, wanted: &Wanted, known: Option<Title>) -> Result<Title, ToolError> {
    let (field, noun) = (dialect.foreign_id, dialect.noun);
    let title = known.filter(|title| title.title.as_ref().is_some_and(|title| !title.is_empty())).ok_or_else(|| {
        let tool = dialect.name.to_lowercase();
        ToolError::argument(
            field,
            format!("is of no {noun} that {} can find: look it up with {tool}_search", dialect.name),
        )
    })?;
    let Some(expected) = wanted.title.as_deref().filter(|expected| !expected.trim().is_empty()) else {
        return Ok(title);
    };
    let others = title.alternate_titles.iter().filter_map(|other| other.title.as_ref());
    let all = title.title.iter().chain(&title.original_title).chain(others);
    // Services differ by a year where a title came out around its turn.
    let year = year_in_brackets(expected).zip(title.year.filter(|year| *year > 0));
    let year_fits = year.is_none_or(|(expected, real)| (expected - real).abs() <= 1);
    if year_fits && all.into_iter().any(|name| names_same(name, expected)) {
        return Ok(title);
    }
    let problem =
        format!("is not that of {field} {}, which is {}: give the right {field}", wanted.foreign_id, label(&title));
    Err(ToolError::argument("title", problem))
}

fn body(title: &Title, wanted: &Wanted, choice: &Choice, own: impl FnOnce(&mut Map<String, Value>)) -> Value {
    let mut body = Map::new();
    body.insert("title".into(), title.title.clone().into());
    // Older versions want these two.
    body.insert("titleSlug".into(), title.title_slug.clone().into());
    body.insert("year".into(), title.year.into());
    body.insert("qualityProfileId".into(), choice.profile.0.into());
    if let Some(language) = choice.language {
        body.insert("languageProfileId".into(), language.into());
    }
    body.insert("rootFolderPath".into(), choice.root.clone().into());
    body.insert("monitored".into(), wanted.monitored.into());
    body.retain(|_, value| !value.is_null());
    own(&mut body);
    body.into()
}

fn plan<T: Twin>(title: &Title, wanted: &Wanted, choice: &Choice, adding: &impl Adding) -> Plan {
    let (name, count) = (T::DIALECT.name, adding.monitors(title));
    let search = if wanted.search_now { "; search for downloads at once" } else { "" };
    let items = count.max(1);
    Plan {
        summary: format!(
            "Add the {} {} to {name}: quality profile {}, in {}, {}{search}",
            T::DIALECT.noun,
            label(title),
            choice.profile.1,
            choice.root,
            adding.says(title),
        ),
        facts: Facts::default()
            .with("item.type", T::TYPE)
            .with_known(T::TITLE_FACT, title.title.clone())
            .with_known("item.title", title.title.clone())
            .with_known("item.year", title.year.filter(|year| *year > 0))
            .with_known("item.content_rating", title.certification.clone().filter(|rating| !rating.is_empty()))
            .with("item.count", count)
            .with("arr.root_folder", choice.root.clone())
            .with("arr.quality_profile", choice.profile.1.clone()),
        affected: Affected {
            library: Some(name.to_owned()),
            titles: vec![label(title)],
            items: Some(items),
            bytes: None,
        },
        reserve: Amounts { items, bytes: 0 },
        before: None,
    }
}

fn already_there<A: Adding>(client: &Arr, held: Title, _: &A) -> ArrError {
    let existing = Existing {
        label: label(&held),
        id: held.id.unwrap_or_default(),
        path: held.path.clone(),
        item: A::shown(held),
    };
    ArrError::AlreadyThere { dialect: client.dialect, existing: Box::new(existing) }
}

/// Looks whether the title is there, where the service's answer did not tell.
async fn settle(
    client: &Arr,
    wanted: &Wanted,
    title: &Title,
    cause: Option<ArrError>,
) -> Result<(Title, Option<String>), ToolError> {
    let name = client.dialect.name;
    let mut seen = Ok(None);
    for pause in LOOKS {
        tokio::time::sleep(pause).await;
        seen = client.held(wanted.foreign_id).await;
        if let Ok(Some(held)) = seen {
            let warning = cause.map(|cause| format!("{cause}; looking again showed that {name} added it"));
            return Ok((held, warning));
        }
    }
    let state = match seen {
        Ok(_) => format!("{name} does not have it now: look again before you add it once more"),
        Err(error) => format!("nor can it be looked up now ({error}): look before you add it once more"),
    };
    let cause = cause.unwrap_or_else(|| ArrError::Unreadable {
        dialect: client.dialect,
        what: format!("adding a {}", client.dialect.noun),
        problem: "it does not hold the title",
    });
    let what = format!("adding {}", label(title));
    Err(ArrError::Unsettled { dialect: client.dialect, what, cause: Box::new(cause), state }.into())
}
