use super::{Radarr, Sonarr, Twin, rows::tenths, twin};
use crate::{
    arr::records::{Download, StatusMessage},
    guard::{Affected, Read},
    tools::{call::Call, error::ToolError, listing::Paging, public_keys::PublicKey, text::shorten},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

twin! {
    /// List what Sonarr is downloading and importing, with how far each is, when it will be done, and what is wrong with it.
    SonarrGetQueue: "sonarr_get_queue", "Show Sonarr's queue", Sonarr, Read, Args => Out, list::<Sonarr>, {
        const PUBLIC_KEYS: &'static [(&'static str, PublicKey)] = &[("success", PublicKey::Success), ("totalRecords", PublicKey::Same("totalSize")), ("showing", PublicKey::RowsOf("items"))];
    }
}

twin! {
    /// List what Radarr is downloading and importing, with how far each is, when it will be done, and what is wrong with it.
    RadarrGetQueue: "radarr_get_queue", "Show Radarr's queue", Radarr, Read, Args => Out, list::<Radarr>, {
        const PUBLIC_KEYS: &'static [(&'static str, PublicKey)] = &[("success", PublicKey::Success), ("totalRecords", PublicKey::Same("totalSize")), ("showing", PublicKey::RowsOf("items"))];
    }
}

/// Which part of the queue.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Args {
    /// The most downloads to return. The answer may hold fewer; nextOffset then says where to go on.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 1_000))]
    limit: u64,
    /// The position of the first download to return.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1_000_000_000))]
    offset: u64,
}

fn default_limit() -> u64 {
    50
}

/// Part of the queue.
#[derive(Serialize, JsonSchema)]
pub(super) struct Out {
    #[serde(flatten)]
    paging: Paging,
    /// What is unusual about the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
    /// The downloads, in the service's order: what will be done soonest first.
    items: Vec<Row>,
}

/// A download.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Row {
    /// The download's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<i64>,
    /// The release's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    /// The number of the series that it is of; absent where the library knows none.
    #[serde(skip_serializing_if = "Option::is_none")]
    series_id: Option<i64>,
    /// The series' title.
    #[serde(skip_serializing_if = "Option::is_none")]
    series_title: Option<String>,
    /// The season; 0 is the specials.
    #[serde(skip_serializing_if = "Option::is_none")]
    season_number: Option<i64>,
    /// The number in the season.
    #[serde(skip_serializing_if = "Option::is_none")]
    episode_number: Option<i64>,
    /// The episode's title.
    #[serde(skip_serializing_if = "Option::is_none")]
    episode_title: Option<String>,
    /// The number of the film that it is of; absent where the library knows none.
    #[serde(skip_serializing_if = "Option::is_none")]
    movie_id: Option<i64>,
    /// The film's title.
    #[serde(skip_serializing_if = "Option::is_none")]
    movie_title: Option<String>,
    /// The film's year.
    #[serde(skip_serializing_if = "Option::is_none")]
    year: Option<i64>,
    /// queued, paused, downloading, completed, failed, warning, delay, ...
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    /// ok, warning or error.
    #[serde(skip_serializing_if = "Option::is_none")]
    tracked_download_status: Option<String>,
    /// downloading, importPending, importBlocked, importing, failedPending, failed, ...
    #[serde(skip_serializing_if = "Option::is_none")]
    tracked_download_state: Option<String>,
    /// How much of it has come, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    percent: Option<f64>,
    /// Bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<f64>,
    /// Bytes that are still to come.
    #[serde(skip_serializing_if = "Option::is_none")]
    sizeleft: Option<f64>,
    /// Hours, minutes and seconds that it will still take.
    #[serde(skip_serializing_if = "Option::is_none")]
    timeleft: Option<String>,
    /// When it will be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    estimated_completion_time: Option<String>,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<String>,
    /// What there is to say of it, such as why it is not imported.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    status_messages: Vec<String>,
    /// usenet or torrent.
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<String>,
    /// The download client.
    #[serde(skip_serializing_if = "Option::is_none")]
    download_client: Option<String>,
    /// Where the release was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    indexer: Option<String>,
    /// The quality.
    #[serde(skip_serializing_if = "Option::is_none")]
    quality: Option<String>,
}

/// As many remarks of a download as are passed on, and characters of each.
const REMARKS: usize = 5;
const REMARK_CHARS: usize = 300;

impl From<Download> for Row {
    fn from(download: Download) -> Self {
        let episode = download.episode.unwrap_or_default();
        let (series, movie) = (download.series.unwrap_or_default(), download.movie.unwrap_or_default());
        let (size, left) = (download.size, download.size_left);
        let percent = size.zip(left).filter(|(size, _)| *size > 0.0);
        Self {
            id: download.id,
            status_messages: remarks(download.status_messages, download.title.as_deref()),
            title: download.title,
            series_id: download.series_id,
            series_title: series.title,
            season_number: download.season_number.or(episode.season_number),
            episode_number: episode.episode_number,
            episode_title: episode.title,
            movie_id: download.movie_id,
            movie_title: movie.title,
            year: movie.year.filter(|year| *year > 0),
            status: download.status,
            tracked_download_status: download.tracked_download_status,
            tracked_download_state: download.tracked_download_state,
            percent: percent.map(|(size, left)| tenths(((size - left) / size * 100.0).clamp(0.0, 100.0))),
            size,
            sizeleft: left,
            timeleft: download.time_left,
            estimated_completion_time: download.estimated_completion_time,
            error_message: download.error_message.map(|text| shorten(text, REMARK_CHARS)),
            protocol: download.protocol,
            download_client: download.download_client,
            indexer: download.indexer,
            quality: download.quality.and_then(|quality| quality.quality?.name),
        }
    }
}

/// The remarks as lines, with what each is said of where that is another file of the download.
fn remarks(messages: Vec<StatusMessage>, release: Option<&str>) -> Vec<String> {
    let lines = messages.into_iter().flat_map(|StatusMessage { title, messages }| {
        let of = title.filter(|title| Some(title.as_str()) != release && !title.is_empty());
        match (of, messages.is_empty()) {
            (Some(of), true) => vec![of],
            (Some(of), false) => messages.into_iter().map(|text| format!("{of}: {text}")).collect(),
            (None, _) => messages,
        }
    });
    lines.take(REMARKS).map(|line| shorten(line, REMARK_CHARS)).collect()
}

async fn list<T: Twin>(call: &Call<'_, Read>, args: Args) -> Result<Out, ToolError> {
    let window = T::client(call).await?.queue((args.offset, args.limit)).await?;
    let (items, paging) = Paging::fit(window, args.offset, args.limit, Row::from);
    call.affects(Affected { items: Some(items.len() as u64), ..Affected::default() });
    Ok(Out { warning: paging.warning(), paging, items })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn row(download: Value) -> Value {
        let download: Download = serde_json::from_value(download).unwrap();
        serde_json::to_value(Row::from(download)).unwrap()
    }

    #[test]
    fn percent_is_of_what_is_known() {
        assert_eq!(row(json!({"size": 3e9, "sizeleft": 1e9}))["percent"], 66.7);
        assert_eq!(row(json!({"size": "1000", "sizeLeft": "0"}))["percent"], 100.0);
        assert_eq!(row(json!({"size": 10, "sizeleft": 12}))["percent"], 0.0);
        for unknown in [json!({"size": 0, "sizeleft": 0}), json!({"size": 5}), json!({})] {
            assert_eq!(row(unknown)["percent"], Value::Null);
        }
    }

    #[test]
    fn keys_of_other_programs_are_not_passed_on() {
        let row = row(json!({
            "errorMessage": "no answer from http://sab/api?apikey=CANARY",
            "statusMessages": [{"title": "R", "messages": ["http://u:CANARY@indexer/ is down"]}],
        }));
        assert_eq!(row["errorMessage"], "no answer from http://sab/api?apikey=[hidden]");
        assert_eq!(row["statusMessages"], json!(["R: http://[hidden]@indexer/ is down"]));
    }

    #[test]
    fn remarks_are_lines_and_season_0_stays() {
        let row = row(json!({
            "title": "R", "seasonNumber": 0, "errorMessage": "broken",
            "statusMessages": [{"title": "R", "messages": ["a", "b"]}, {"title": "f.mkv", "messages": ["c"]}, {"title": "d"}, 7],
        }));
        assert_eq!(row["statusMessages"], json!(["a", "b", "f.mkv: c", "d"]));
        assert_eq!((&row["seasonNumber"], &row["errorMessage"]), (&json!(0), &json!("broken")));
    }
}
