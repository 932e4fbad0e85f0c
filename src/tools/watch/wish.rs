//! A title that is to be on the watchlist or not: what adding, removing and undoing share.

use crate::{
    guard::Change,
    plex::items::Item,
    tools::{
        arguments::PlexId,
        call::Call,
        change::{self, Account, Intent, Road, before::Before, facts, quoted},
        error::ToolError,
    },
};

/// A film or a show, and the key that Plex Discover has for it.
#[derive(Debug)]
pub(in crate::tools) struct Wish {
    pub(in crate::tools) key: String,
    pub(in crate::tools) guid: String,
    pub(in crate::tools) item: Item,
}

/// The title that either argument names.
pub(super) async fn resolve<E: Change>(
    call: &Call<'_, E>,
    rating_key: Option<&PlexId>,
    plex_guid: Option<&str>,
) -> Result<Wish, ToolError> {
    match (rating_key, plex_guid) {
        (Some(_), Some(_)) => Err(ToolError::argument("plexGuid", "and ratingKey name a title each: leave one out")),
        (None, None) => Err(ToolError::argument("ratingKey", "or plexGuid is required: which title")),
        (Some(rating_key), None) => {
            let item = call.plex().await?.item(rating_key.as_str()).await?;
            let guid = item.guid.clone().unwrap_or_default();
            let Some(key) = discover_key(&guid) else {
                let kind = item.kind.as_deref().unwrap_or_default();
                return Err(ToolError::argument("ratingKey", match kind {
                    "movie" | "show" => {
                        "is of an item that Plex's own agent has not matched, so the watchlist knows no title for it"
                            .to_owned()
                    }
                    _ => format!("is of the type {}: a watchlist holds films and shows", quoted(kind)),
                }));
            };
            Ok(Wish { key: key.to_owned(), guid: guid.clone(), item })
        }
        (None, Some(guid)) => {
            let Some(key) = discover_key(guid) else {
                let problem = "must be plex://movie/ or plex://show/ and the key, as get_watchlist gives it";
                return Err(ToolError::argument("plexGuid", problem));
            };
            let item = call.discover().await?.title(key).await?;
            Ok(Wish { key: key.to_owned(), guid: guid.to_owned(), item })
        }
    }
}

/// The key at the end of a global id of a film or a show.
fn discover_key(guid: &str) -> Option<&str> {
    let key = guid.strip_prefix("plex://movie/").or_else(|| guid.strip_prefix("plex://show/"))?;
    let is_key = (8..=40).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_key.then_some(key)
}

/// Puts the title on the watchlist, or takes it off, and tells whether it is on it now.
pub(in crate::tools) async fn set<E: Change>(
    call: &Call<'_, E>,
    wish: &Wish,
    on: bool,
    undoes: Option<String>,
    dry_run: bool,
) -> Result<(Account, bool), ToolError> {
    let discover = call.discover().await?;
    let is_on = discover.is_on_watchlist(&wish.key).await?;
    let item = &wish.item;
    let kind = item.kind.as_deref().unwrap_or("title");
    let title = quoted(item.title.as_deref().unwrap_or_default());
    let year = item.year.map(|year| format!(" ({year})")).unwrap_or_default();
    let intent = Intent {
        summary: if on {
            format!("Put the {kind} {title}{year} on the watchlist")
        } else {
            format!("Take the {kind} {title}{year} off the watchlist")
        },
        facts: facts::of_items(&[item], 1),
        affected: facts::affected(&[item], 1),
        before: Some(Before::Watchlist {
            discover_key: wish.key.clone(),
            title: item.title.clone().unwrap_or_default(),
            to: on,
        }),
        undoes,
        needed: is_on != on,
        dry_run,
    };
    let (cleared, mut account) = match change::begin(call, intent).await? {
        Road::Act(cleared, account) => (cleared, account),
        Road::Stop(account) => return Ok((account, is_on)),
    };
    let sent = discover.set_on_watchlist(&cleared, &wish.key, on).await;
    let now = discover.is_on_watchlist(&wish.key).await;
    let now = change::settle(call, &mut account, sent, now, 1, |now| (*now == on).into())?;
    Ok((account, now.unwrap_or(on)))
}

/// Takes a change of the watchlist back.
pub(in crate::tools) async fn undo<E: Change>(
    call: &Call<'_, E>,
    key: &str,
    on: bool,
    undoes: String,
    dry_run: bool,
) -> Result<Account, ToolError> {
    let item = call.discover().await?.title(key).await?;
    let guid = item.guid.clone().unwrap_or_default();
    let (mut account, _) = set(call, &Wish { key: key.to_owned(), guid, item }, on, Some(undoes), dry_run).await?;
    if on && account.changed {
        account.warnings.push("it stands first on the watchlist now: Plex takes no place or date back".to_owned());
    }
    Ok(account)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_films_and_shows_of_plexs_own_have_a_key() {
        assert_eq!(discover_key("plex://movie/5d776b59ad5437001f79c6f8"), Some("5d776b59ad5437001f79c6f8"));
        assert_eq!(discover_key("plex://show/5d776b59ad5437001f79c6f8"), Some("5d776b59ad5437001f79c6f8"));
        for other in [
            "",
            "plex://episode/5d776b59ad5437001f79c6f8",
            "plex://movie/../actions",
            "plex://movie/",
            "plex://movie/5d776b59ad5437001f79c6f8?x=1",
            "com.plexapp.agents.imdb://tt0000001?lang=en",
            "local://7",
        ] {
            assert_eq!(discover_key(other), None, "{other}");
        }
    }
}
