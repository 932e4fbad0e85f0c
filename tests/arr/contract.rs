//! What the tools send, held against the descriptions of the two services, and what they take and give against the public
//! Plex MCP server.

use crate::{EVENING, TWINS, Twin, rows, support::contract};
use plex_mcp::demo::{ArrKind, ArrOptions};
use serde_json::{Value, json};
use std::collections::HashSet;

/// Arguments and rows are those of the public Plex MCP server, whose prompts have to keep working here.
#[tokio::test]
#[expect(clippy::too_many_lines, reason = "most of it is the table of what the public server takes and gives")]
async fn calls_written_for_the_public_server_are_taken() {
    let rows_of = |twin: Twin| -> [(&str, Value, &str, &[&str]); 5] {
        let series = twin.kind == ArrKind::Sonarr;
        [
            (
                twin.list,
                json!({"filter": "the", "limit": 200}),
                twin.rows,
                if series {
                    &[
                        "id",
                        "title",
                        "year",
                        "status",
                        "network",
                        "monitored",
                        "seasons",
                        "episodeFileCount",
                        "episodeCount",
                        "percentOfEpisodes",
                        "sizeOnDisk",
                        "tvdbId",
                        "imdbId",
                        "overview",
                    ]
                } else {
                    &[
                        "id",
                        "title",
                        "year",
                        "status",
                        "hasFile",
                        "monitored",
                        "runtime",
                        "tmdbId",
                        "imdbId",
                        "sizeOnDisk",
                        "minimumAvailability",
                        "overview",
                    ]
                },
            ),
            (
                twin.look_up,
                json!({"query": "the", "limit": 200}),
                "results",
                if series {
                    &[
                        "tvdbId",
                        "title",
                        "year",
                        "status",
                        "network",
                        "runtime",
                        "genres",
                        "certification",
                        "seasonCount",
                        "overview",
                    ]
                } else {
                    &["tmdbId", "imdbId", "title", "year", "status", "runtime", "genres", "certification", "overview"]
                },
            ),
            (
                twin.missing,
                json!({"page": 1, "pageSize": 200}),
                twin.missing_rows,
                if series {
                    &["id", "seriesId", "seasonNumber", "episodeNumber", "title", "airDate", "monitored", "overview"]
                } else {
                    &["id", "title", "year", "status", "monitored", "tmdbId", "imdbId", "overview"]
                },
            ),
            (
                twin.queue,
                json!({"limit": 200}),
                "items",
                &[
                    "id",
                    "title",
                    "status",
                    "trackedDownloadStatus",
                    "trackedDownloadState",
                    "protocol",
                    "downloadClient",
                    "size",
                    "sizeleft",
                    "timeleft",
                ],
            ),
            (
                twin.calendar,
                json!({"startDate": "2026-02-01", "endDate": "2026-02-28", "limit": 200}),
                "entries",
                if series {
                    &[
                        "id",
                        "seriesId",
                        "seriesTitle",
                        "seasonNumber",
                        "episodeNumber",
                        "title",
                        "airDate",
                        "airDateUtc",
                        "hasFile",
                        "monitored",
                        "overview",
                    ]
                } else {
                    &[
                        "id",
                        "title",
                        "year",
                        "status",
                        "inCinemas",
                        "digitalRelease",
                        "hasFile",
                        "monitored",
                        "tmdbId",
                        "overview",
                    ]
                },
            ),
        ]
    };
    for twin in TWINS {
        let options = ArrOptions { clock: Some(EVENING), ..twin.options() };
        let (_server, _home, client) = twin.start(options.clone()).await;
        for (tool, arguments, name, wanted) in rows_of(twin) {
            let answer = client.call(tool, arguments).await;
            let ours: HashSet<&String> =
                rows(&answer, name).iter().flat_map(|row| row.as_object().unwrap().keys()).collect();
            let missing: Vec<_> = wanted.iter().filter(|key| !ours.contains(&(**key).to_owned())).collect();
            assert!(missing.is_empty(), "{tool}: rows lack {missing:?}");
        }
        let id = twin.new_title(&options, 0);
        let found = client
            .call(twin.look_up, json!({"query": format!("{}:{id}", twin.foreign_id.trim_end_matches("Id"))}))
            .await;
        let mut arguments = json!({
            twin.foreign_id: id, "title": rows(&found, "results")[0]["title"], "qualityProfileId": 1,
            "rootFolderPath": twin.root, "monitored": true,
        });
        let own = if twin.kind == ArrKind::Sonarr {
            json!({"seasonFolder": true, "monitorType": "latestSeason", "searchForMissingEpisodes": false})
        } else {
            json!({"minimumAvailability": "released", "searchForMovie": false})
        };
        arguments.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
        let added = client.call(twin.add, arguments).await;
        for key in ["id", "title", "year", twin.foreign_id, "path", "monitored", "qualityProfileId"] {
            assert!(!added[twin.added][key].is_null(), "{}: no {key}: {added}", twin.add);
        }
        assert!(client.call(twin.trigger, json!({twin.id: 1})).await["commandId"].is_u64());
        client.close().await;
    }
}

/// What the public server's results have at the top, beside the rows.
#[tokio::test]
async fn results_have_the_public_servers_totals() {
    for twin in TWINS {
        let (_server, _home, client) = twin.start(twin.options()).await;
        let paged = json!({"page": 2, "pageSize": 3});
        let (total, list) =
            if twin.kind == ArrKind::Sonarr { ("totalSeries", "series") } else { ("totalMovies", "movies") };
        for (tool, arguments, total, list) in [
            (twin.list, json!({"limit": 5}), total, list),
            (twin.look_up, json!({"query": "the", "limit": 2}), "totalResults", "results"),
            (twin.missing, paged.clone(), "totalRecords", twin.missing_rows),
            (twin.queue, json!({"limit": 2}), "totalRecords", "items"),
            (twin.calendar, json!({"limit": 2}), "totalEntries", "entries"),
        ] {
            let result = client.call(tool, arguments).await;
            assert_eq!((&result["success"], &result[total]), (&json!(true), &result["totalSize"]), "{tool}: {result}");
            assert!(result[total].is_u64(), "{tool}: {result}");
            assert_eq!(result["showing"], rows(&result, list).len(), "{tool}: {result}");
        }
        let missing = client.call(twin.missing, paged).await;
        assert_eq!((&missing["page"], &missing["pageSize"]), (&json!(2), &json!(3)), "{missing}");
        for (tool, arguments) in [(twin.profiles, json!({})), ("arr_get_status", json!({}))] {
            assert_eq!(client.call(tool, arguments).await["success"], true, "{tool}");
        }
        client.close().await;
    }
}

/// What is wrong with a body: members that the schema does not have, and values that are none of its choices.
fn misfits(document: &Value, schema: &Value, body: &Value, at: &str) -> Vec<String> {
    if let Some(target) = schema["$ref"].as_str() {
        return misfits(document, document.pointer(target.trim_start_matches('#')).unwrap(), body, at);
    }
    match body {
        Value::Object(members) => {
            let known = schema["properties"].as_object();
            let member = |(name, value): (&String, &Value)| match known.and_then(|known| known.get(name)) {
                Some(schema) => misfits(document, schema, value, &format!("{at}.{name}")),
                None => vec![format!("{at} has no {name}")],
            };
            members.iter().flat_map(member).collect()
        }
        Value::Array(members) => {
            members.iter().flat_map(|value| misfits(document, &schema["items"], value, at)).collect()
        }
        _ => match schema["enum"].as_array() {
            Some(names) if !names.contains(body) => vec![format!("{at} is {body}, none of {names:?}")],
            _ => Vec::new(),
        },
    }
}

#[tokio::test]
#[allow(clippy::print_stderr, reason = "says what it leaves out")]
async fn requests_are_those_that_the_services_describe() {
    let Some(directory) = contract::directory() else {
        eprintln!("PLEX_MCP_SPEC names no directory: nothing was held against the services' descriptions");
        return;
    };
    for twin in TWINS {
        let file = directory.join(format!("{}-v3.openapi.json", twin.name.to_lowercase()));
        let document: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let contract = contract::load(&file);
        let own = twin.options();
        let old = (twin.kind == ArrKind::Sonarr).then(|| ArrOptions { version: "3.0.10.1567".into(), ..own.clone() });
        for options in std::iter::once(own).chain(old) {
            let (server, _home, client) = twin.start(options.clone()).await;
            for tool in twin.reads() {
                client.call(tool, json!({})).await;
                if tool != twin.profiles {
                    client.call(tool, json!({"limit": 3, "offset": 4})).await;
                }
            }
            client.call(twin.look_up, json!({"query": "the"})).await;
            client.call(twin.calendar, json!({"timeZone": "Asia/Tokyo", "includeUnmonitored": true})).await;
            let kinds: &[(&str, &str)] = if twin.kind == ArrKind::Sonarr {
                &[
                    ("monitorType", "all"),
                    ("monitorType", "lastSeason"),
                    ("seriesType", "anime"),
                    ("monitorType", "none"),
                ]
            } else {
                &[("minimumAvailability", "inCinemas"), ("minimumAvailability", "announced")]
            };
            for (at, (name, value)) in kinds.iter().enumerate() {
                let id = twin.new_title(&options, at as u64);
                client
                    .call(
                        twin.add,
                        json!({twin.foreign_id: id, "qualityProfileId": 1, *name: value, "searchNow": true}),
                    )
                    .await;
            }
            client.call(twin.trigger, json!({twin.id: 1, "waitSeconds": 2})).await;
            client.call(twin.trigger, json!({"scope": "all_missing", "waitSeconds": 0})).await;
            client.call("arr_get_status", json!({})).await;
            client.close().await;
            for request in server.requests() {
                let (path, query) = request.path_and_query.split_once('?').unwrap_or((&request.path_and_query, ""));
                contract
                    .check(&request.method, path, query)
                    .unwrap_or_else(|problem| panic!("{}: {problem}", twin.name));
                let Some(body) = request.body else { continue };
                let schema = &document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"];
                let body: Value = serde_json::from_str(&body).unwrap();
                let mut wrong = misfits(&document, schema, &body, path);
                // What a command takes beside its name is no part of the description.
                wrong.retain(|problem| {
                    !(path.ends_with("/command") && problem.ends_with("Id") | problem.ends_with("Ids"))
                });
                assert!(wrong.is_empty(), "{}: {wrong:?}", twin.name);
            }
        }
    }
}
