//! The account's own rating of an item: what rating and undoing it share.

use crate::{
    guard::Change,
    plex::items::Item,
    tools::{
        call::Call,
        change::{self, Account, Intent, Road, before::Before, facts, quoted},
        error::ToolError,
    },
};

/// Servers keep ratings in 32 bits, and give 7.5999999046325701 for 7.6.
const NEAR: f64 = 0.01;

/// What became of a rating.
#[derive(Debug)]
pub(in crate::tools) struct Rated {
    pub(in crate::tools) account: Account,
    pub(in crate::tools) from: Option<f64>,
    /// What it is now.
    pub(in crate::tools) now: Option<f64>,
}

/// Whether two ratings are the same.
pub(in crate::tools) fn same(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() < NEAR,
        (None, None) => true,
        _ => false,
    }
}

/// A rating without what rounding to 32 bits left.
fn tidy(rating: f64) -> f64 {
    (rating * 100.0).round() / 100.0
}

/// A rating in a sentence.
pub(in crate::tools) fn in_words(rating: Option<f64>) -> String {
    rating.map_or_else(|| "no rating".to_owned(), |rating| format!("{rating:.1}").trim_end_matches(".0").to_owned())
}

/// Rates an item, or takes its rating away.
pub(in crate::tools) async fn set<E: Change>(
    call: &Call<'_, E>,
    item: &Item,
    to: Option<f64>,
    undoes: Option<String>,
    dry_run: bool,
) -> Result<Rated, ToolError> {
    let plex = call.plex().await?;
    let key = item.rating_key.clone().unwrap_or_default();
    let from = item.user_rating.map(tidy);
    let title = quoted(item.title.as_deref().unwrap_or_default());
    let kind = item.kind.as_deref().unwrap_or("item");
    let summary = match to {
        Some(_) => format!("Rate the {kind} {title} {} out of 10 (so far: {})", in_words(to), in_words(from)),
        None => format!("Take the rating of the {kind} {title} away (so far: {})", in_words(from)),
    };
    let intent = Intent {
        summary,
        facts: facts::of_items(&[item], 1),
        affected: facts::affected(&[item], 1),
        before: Some(Before::Rating { rating_key: key.clone(), from, to }),
        undoes,
        needed: !same(from, to),
        dry_run,
    };
    let (cleared, mut account) = match change::begin(call, intent).await? {
        Road::Act(cleared, account) => (cleared, account),
        Road::Stop(account) => return Ok(Rated { account, from, now: from }),
    };
    let sent = plex.rate(&cleared, &key, to).await;
    let now = plex.item(&key).await.map(|item| item.user_rating.map(tidy));
    let now = change::settle(call, &mut account, sent, now, 1, |now| same(*now, to).into())?.unwrap_or(to);
    Ok(Rated { account, from, now })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratings_are_compared_as_servers_round_them() {
        assert!(same(Some(7.6), Some(f64::from(7.6_f32))) && same(None, None));
        assert!(!same(Some(7.5), Some(7.6)) && !same(None, Some(0.0)), "no rating is not 0");
        assert_eq!(in_words(Some(f64::from(7.6_f32))), "7.6");
        assert_eq!(in_words(Some(8.0)), "8");
        assert_eq!(in_words(None), "no rating");
    }
}
