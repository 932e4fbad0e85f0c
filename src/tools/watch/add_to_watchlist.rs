use super::wish;
use crate::{
    guard::{Service, Write},
    tools::{Tool, arguments::PlexId, call::Call, change::Account, error::ToolError},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Put a film or a show on the watchlist of the Plex account: one of this server by its ratingKey, or any by its plexGuid.
/// Nothing is downloaded by it, though other programs may watch the watchlist.
#[derive(JsonSchema)]
pub(super) struct AddToWatchlist;

/// Which title: one of the two.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Args {
    /// The ratingKey of a film or a show of this server.
    rating_key: Option<PlexId>,
    /// The title's global id, such as `plex://movie/5d776b59ad5437001f79c6f8`.
    #[schemars(length(min = 1, max = 100))]
    plex_guid: Option<String>,
    /// Only say what would be done and what the policy would decide.
    #[serde(default)]
    dry_run: bool,
}

/// The title.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Out {
    /// Whether the watchlist was changed.
    updated: bool,
    /// add
    action: &'static str,
    /// Whether the title is on the watchlist now.
    on_watchlist: bool,
    /// The title.
    title: Option<String>,
    /// The ratingKey that was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    rating_key: Option<String>,
    /// The title's global id.
    plex_guid: String,
    #[serde(flatten)]
    account: Account,
}

impl Tool for AddToWatchlist {
    const NAME: &'static str = "add_to_watchlist";
    const TITLE: &'static str = "Add to the watchlist";
    const SERVICE: Service = Service::PlexTv;
    const IDEMPOTENT: bool = true;
    type Effect = Write;
    type Args = Args;
    type Out = Out;

    async fn run(call: &Call<'_, Write>, args: Args) -> Result<Out, ToolError> {
        let wish = wish::resolve(call, args.rating_key.as_ref(), args.plex_guid.as_deref()).await?;
        let (account, on_watchlist) = wish::set(call, &wish, true, None, args.dry_run).await?;
        Ok(Out {
            updated: account.changed,
            action: "add",
            on_watchlist,
            title: wish.item.title,
            rating_key: args.rating_key.map(|key| key.to_string()),
            plex_guid: wish.guid,
            account,
        })
    }
}
