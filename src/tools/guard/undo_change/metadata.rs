//! Taking edits of an item back.

use super::{Undo, Undone, not};
use crate::{
    guard::Destroy,
    tools::{
        call::Call,
        change::before::{FieldBefore, PosterBefore, TagsBefore},
        edit::{
            metadata::{
                self, Wanted,
                field::{Family, Field},
            },
            poster::{Poster, is_uploaded, shown},
        },
        error::ToolError,
    },
};

/// Gives an item its fields, tags, locks and poster back.
pub(super) async fn undo(
    call: &Call<'_, Destroy>,
    undo: Undo,
    rating_key: String,
    (fields, tags, poster): (Vec<FieldBefore>, Vec<TagsBefore>, Option<PosterBefore>),
) -> Result<Undone, ToolError> {
    let plex = call.plex().await?;
    let item = plex.item(&rating_key).await?;
    let since = |name: &str| not(format!("{name} was changed since, and is not as the change left it"));
    let mut wanted = Wanted::default();
    for FieldBefore { name, from, locked, to } in fields {
        let field = Field::of_plex(&name).ok_or_else(|| not("it is of a kind that can't be undone"))?;
        if !field.is(&item, &to) && !field.is(&item, &from) {
            return Err(since(field.names().0));
        }
        wanted.fields.push((field, from, locked));
    }
    for TagsBefore { family, from, locked, to } in tags {
        let family = Family::of_plex(&family).ok_or_else(|| not("it is of a kind that can't be undone"))?;
        if !family.is(&item, &to) && !family.is(&item, &from) {
            return Err(since(family.names().0));
        }
        wanted.tags.push((family, from, locked));
    }
    if let Some(PosterBefore { from, locked, known, to }) = poster {
        let now = plex.posters(&rating_key).await?;
        let names: Vec<&str> = now.iter().filter_map(|poster| poster.rating_key.as_deref()).collect();
        let shown = shown(&now);
        let is_known = |name: &str| known.iter().any(|known| known == name);
        let fresh = names.iter().filter(|name| !is_known(name)).count();
        let as_left = match &to {
            Some(to) => shown == Some(to),
            // A picture that the item had already is no new poster.
            None => shown.is_some_and(|shown| {
                if is_known(shown) { undo.complete && fresh == 0 && is_uploaded(shown) } else { fresh == 1 }
            }),
        };
        if !as_left && shown != Some(&from) {
            return Err(since("the poster"));
        }
        if from.is_empty() {
            return Err(not("the item showed no poster before, and one can't be taken away"));
        }
        if !names.contains(&from.as_str()) {
            return Err(not("the poster that was shown before is no longer there"));
        }
        if shown != Some(&from) {
            wanted.poster = Some((Poster::Select(from), locked));
        }
    }
    let edited = metadata::edit(call, &item, wanted, Some(undo.id), undo.dry_run).await?;
    Ok(Undone { account: edited.account, rating_key: Some(rating_key), playlist_id: None })
}
