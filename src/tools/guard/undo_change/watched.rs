//! Taking marks of watching back.

use super::{Undo, Undone, not};
use crate::{
    guard::Destroy,
    plex::items::Item,
    tools::{
        call::Call,
        change::{before::Seen, counted, quoted},
        edit::watched::{self, seen},
        error::ToolError,
    },
};
use std::collections::HashMap;

/// How something stands that a change had marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stands {
    /// As the change left it.
    Marked,
    /// As it was before the change.
    AsBefore,
    /// Otherwise.
    Else,
}

fn stands(now: &Seen, before: &Seen, to: bool) -> Stands {
    let unseen = now.plays == 0 && now.offset.is_none();
    if now == before {
        Stands::AsBefore
    } else if if to { now.plays == before.plays + 1 && now.offset.is_none() } else { unseen } {
        Stands::Marked
    } else {
        Stands::Else
    }
}

/// Marks what the change had marked the other way round.
pub(super) async fn undo(
    call: &Call<'_, Destroy>,
    undo: Undo,
    rating_key: String,
    to: bool,
    leaves: Vec<Seen>,
) -> Result<Undone, ToolError> {
    let subject = watched::resolve(call.plex().await?, &rating_key).await?;
    let before: HashMap<&str, &Seen> = leaves.iter().map(|leaf| (leaf.rating_key.as_str(), leaf)).collect();
    let mut touch: Vec<&Item> = Vec::new();
    let (mut found, mut lost) = (0, 0);
    for leaf in &subject.leaves {
        let Some(before) = leaf.rating_key.as_deref().and_then(|key| before.get(key)) else { continue };
        found += 1;
        match stands(&seen(leaf), before, to) {
            Stands::AsBefore => continue,
            Stands::Else => {
                let title = quoted(leaf.title.as_deref().unwrap_or_default());
                return Err(not(format!("the watch state of {title} was changed since")));
            }
            Stands::Marked => {}
        }
        // What was watched in part before is unwatched afterwards: Plex takes no position back.
        lost += u64::from(before.offset.is_some() || (!to && before.plays > 0));
        if to || before.plays > 0 {
            touch.push(leaf);
        }
    }
    if found == 0 {
        return Err(not("nothing of what was marked is in the library any more"));
    }
    let marked = watched::mark(call, &subject, &touch, !to, Some(undo.id), undo.dry_run).await?;
    let mut account = marked.account;
    if lost > 0 {
        let of = counted(lost, "item");
        account
            .warnings
            .push(format!("of {of} play counts, dates or positions could not be brought back: Plex takes none"));
    }
    if found < leaves.len() {
        let gone = counted((leaves.len() - found) as u64, "item");
        account.warnings.push(format!("{gone} that had been marked are no longer there"));
    }
    Ok(Undone { account, rating_key: Some(rating_key), playlist_id: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_play_since_then_is_noticed() {
        let seen = |plays, offset, last| Seen { rating_key: "7".into(), plays, offset, last };
        let before = seen(0, Some(5), None);
        assert_eq!(stands(&seen(1, None, Some(9)), &before, true), Stands::Marked);
        assert_eq!(stands(&before, &before, true), Stands::AsBefore);
        assert_eq!(stands(&seen(2, None, Some(10)), &before, true), Stands::Else);
        assert_eq!(stands(&seen(1, Some(3), Some(10)), &before, true), Stands::Else, "it is being watched again");
        let before = seen(3, None, Some(8));
        assert_eq!(stands(&seen(0, None, None), &before, false), Stands::Marked);
        assert_eq!(stands(&seen(1, None, Some(9)), &before, false), Stands::Else);
    }
}
