//! Tools of Sonarr and Radarr. Most come in pairs, which share a file and all they do: what differs is told by the `Twin`.

mod add;
mod choice;
mod get_calendar;
mod get_missing;
mod get_profiles;
mod get_queue;
mod get_status;
mod get_titles;
mod rows;
mod search;
mod trigger_search;

use super::{ToolDef, call::Call, error::ToolError};
use crate::{
    arr::{Arr, Dialect, RADARR, SONARR},
    guard::{Effect, Service},
    plex::items::Window,
};
use std::future::Future;

/// The tools of this group.
pub const TOOLS: &[ToolDef] = &[
    ToolDef::of::<get_titles::SonarrGetSeries>(),
    ToolDef::of::<search::SonarrSearch>(),
    ToolDef::of::<add::SonarrAddSeries>(),
    ToolDef::of::<get_missing::SonarrGetMissing>(),
    ToolDef::of::<get_queue::SonarrGetQueue>(),
    ToolDef::of::<get_calendar::SonarrGetCalendar>(),
    ToolDef::of::<get_profiles::SonarrGetProfiles>(),
    ToolDef::of::<trigger_search::SonarrTriggerSearch>(),
    ToolDef::of::<get_titles::RadarrGetMovies>(),
    ToolDef::of::<search::RadarrSearch>(),
    ToolDef::of::<add::RadarrAddMovie>(),
    ToolDef::of::<get_missing::RadarrGetMissing>(),
    ToolDef::of::<get_queue::RadarrGetQueue>(),
    ToolDef::of::<get_calendar::RadarrGetCalendar>(),
    ToolDef::of::<get_profiles::RadarrGetProfiles>(),
    ToolDef::of::<trigger_search::RadarrTriggerSearch>(),
    ToolDef::of::<get_status::ArrGetStatus>(),
];

/// Characters of what a title is about, in lists.
const OVERVIEW_CHARS: usize = 200;

/// One of the two services, as a type.
trait Twin: Send + Sync + 'static {
    /// As the policy knows it.
    const SERVICE: Service;
    /// What it calls things.
    const DIALECT: &'static Dialect;
    /// The fact that is a title of its.
    const TITLE_FACT: &'static str;
    /// What the policy calls its titles' type.
    const TYPE: &'static str;
    /// Its client.
    fn client<E: Effect>(call: &Call<'_, E>) -> impl Future<Output = Result<Arr, ToolError>> + Send;
}

/// Sonarr.
struct Sonarr;
/// Radarr.
struct Radarr;

impl Twin for Sonarr {
    const SERVICE: Service = Service::Sonarr;
    const DIALECT: &'static Dialect = &SONARR;
    const TITLE_FACT: &'static str = "series.title";
    const TYPE: &'static str = "show";

    async fn client<E: Effect>(call: &Call<'_, E>) -> Result<Arr, ToolError> {
        call.sonarr().await
    }
}

impl Twin for Radarr {
    const SERVICE: Service = Service::Radarr;
    const DIALECT: &'static Dialect = &RADARR;
    const TITLE_FACT: &'static str = "movie.title";
    const TYPE: &'static str = "movie";

    async fn client<E: Effect>(call: &Call<'_, E>) -> Result<Arr, ToolError> {
        call.radarr().await
    }
}

/// A tool that both services have: its doc comment, its type, name and title, whose it is, and what it does.
macro_rules! twin {
    (
        $(#[$doc:meta])*
        $tool:ident: $name:literal, $title:literal, $twin:ty, $effect:ty,
        $args:ty => $out:ty, $run:expr $(, { $($more:tt)* })?
    ) => {
        $(#[$doc])*
        #[derive(schemars::JsonSchema)]
        pub(super) struct $tool;

        impl $crate::tools::Tool for $tool {
            const NAME: &'static str = $name;
            const TITLE: &'static str = $title;
            const SERVICE: $crate::guard::Service = <$twin as super::Twin>::SERVICE;
            $($($more)*)?
            type Effect = $effect;
            type Args = $args;
            type Out = $out;

            async fn run(
                call: &$crate::tools::call::Call<'_, $effect>,
                args: $args,
            ) -> Result<$out, $crate::tools::error::ToolError> {
                $run(call, args).await
            }
        }
    };
}
use twin;

/// The wanted part of a list that came as a whole.
fn part<T>(items: Vec<T>, offset: u64, limit: u64) -> Window<T> {
    let total = items.len() as u64;
    let index = |position: u64| usize::try_from(position).unwrap_or(usize::MAX);
    let items = items.into_iter().skip(index(offset)).take(index(limit)).collect();
    let end = offset.saturating_add(limit);
    Window { items, total: Some(total), next_offset: (end < total).then_some(end) }
}
