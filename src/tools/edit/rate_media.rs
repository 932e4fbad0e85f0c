use super::rating;
use crate::{
    guard::Destroy,
    tools::{Tool, arguments::PlexId, call::Call, change::Account, error::ToolError},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Set the account's own rating of an item, from 0 to 10, or take it away with `clear`. Plex's apps show it as
/// stars: 10 is five stars, 7 is three and a half. Critics' and audience's ratings are other things.
#[derive(JsonSchema)]
pub(super) struct RateMedia;

/// What to rate, and how.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Args {
    /// The item's ratingKey, from a listing or a search.
    rating_key: PlexId,
    /// The rating: 0 to 10, halves and tenths too. Left out only with clear.
    #[schemars(range(min = 0, max = 10))]
    rating: Option<f64>,
    /// Take the rating away.
    #[serde(default)]
    clear: bool,
    /// Only say what would be done and what the policy would decide.
    #[serde(default)]
    dry_run: bool,
}

/// The rating.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Out {
    /// Whether the rating was changed.
    updated: bool,
    /// The item.
    rating_key: String,
    /// The item's title.
    title: Option<String>,
    /// The rating before; absent for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<f64>,
    /// The rating as it is now; absent for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    rating: Option<f64>,
    #[serde(flatten)]
    account: Account,
}

impl Tool for RateMedia {
    const NAME: &'static str = "rate_media";
    const TITLE: &'static str = "Rate an item";
    const IDEMPOTENT: bool = true;
    type Effect = Destroy;
    type Args = Args;
    type Out = Out;

    async fn run(call: &Call<'_, Destroy>, args: Args) -> Result<Out, ToolError> {
        let to = match (args.rating, args.clear) {
            (Some(_), true) => return Err(ToolError::argument("clear", "takes the rating away: leave out rating")),
            (None, false) => return Err(ToolError::argument("rating", "is required, unless clear takes it away")),
            (rating, _) => rating,
        };
        let item = call.plex().await?.item(args.rating_key.as_str()).await?;
        let title = item.title.clone();
        let rated = rating::set(call, &item, to, None, args.dry_run).await?;
        Ok(Out {
            updated: rated.account.changed,
            rating_key: args.rating_key.to_string(),
            title,
            before: rated.from,
            rating: rated.now,
            account: rated.account,
        })
    }
}
