use super::wish;
use crate::{
    guard::{Destroy, Service},
    tools::{Tool, arguments::PlexId, call::Call, change::Account, error::ToolError},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Take a film or a show off the watchlist of the Plex account: one of this server by its ratingKey, or any by its plexGuid,
/// which `get_watchlist` gives.
#[derive(JsonSchema)]
pub(super) struct RemoveFromWatchlist;

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
    /// remove
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

impl Tool for RemoveFromWatchlist {
    const NAME: &'static str = "remove_from_watchlist";
    const TITLE: &'static str = "Remove from the watchlist";
    const SERVICE: Service = Service::PlexTv;
    const IDEMPOTENT: bool = true;
    type Effect = Destroy;
    type Args = Args;
    type Out = Out;

    async fn run(call: &Call<'_, Destroy>, args: Args) -> Result<Out, ToolError> {
        let wish = wish::resolve(call, args.rating_key.as_ref(), args.plex_guid.as_deref()).await?;
        let (account, on_watchlist) = wish::set(call, &wish, false, None, args.dry_run).await?;
        Ok(Out {
            updated: account.changed,
            action: "remove",
            on_watchlist,
            title: wish.item.title,
            rating_key: args.rating_key.map(|key| key.to_string()),
            plex_guid: wish.guid,
            account,
        })
    }
}
