//! `export_library`: everything that Plex lists is in the file, the file is whole or absent, and it is where it belongs.

#![allow(
    clippy::case_sensitive_file_extension_comparisons,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test fails by panicking"
)]

mod support;

use plex_mcp::demo::{Deviations, Options, SampleLibrary};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::{collections::HashSet, fmt::Write as _, fs, time::Duration};
use support::{Home, as_plex_json, home};

fn movies(movies: u64) -> Options {
    Options { library: SampleLibrary { movies, ..SampleLibrary::default() }, ..Options::default() }
}

fn deviating(movies: u64, deviations: Deviations) -> Options {
    Options { deviations, ..self::movies(movies) }
}

/// Where two values differ, so that a failure can be read.
fn differ(path: &str, ours: &Value, theirs: &Value, found: &mut Vec<String>) {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: HashSet<_> = a.keys().chain(b.keys()).collect();
            for key in keys {
                differ(&format!("{path}.{key}"), &ours[key], &theirs[key], found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (n, (a, b)) in a.iter().zip(b).enumerate() {
                differ(&format!("{path}[{n}]"), a, b, found);
            }
        }
        _ if ours == theirs => {}
        _ => found.push(format!("{path}: {ours} is not {theirs}")),
    }
}

#[tokio::test]
async fn a_full_export_holds_what_plexs_own_json_does() {
    let (plex, home) = home(movies(730)).await;
    let client = home.connect().await;
    let given = json!({"libraryKey": "1", "outputPath": "a/films.json"});
    let answer = client.try_call("export_library", given).await.unwrap();
    let link = answer.content.iter().find_map(|block| block.as_resource_link()).expect("a link to the file").clone();
    let result = answer.structured_content.unwrap();
    assert_eq!((link.uri.as_str(), link.size), ("plex-export:///a/films.json", result["bytes"].as_u64()));
    let expected = as_plex_json(&plex, "/library/sections/1/all?includeGuids=1&sort=addedAt:asc").await;
    let expected = expected["Metadata"].as_array().unwrap();
    let exported = home.exported("a/films.json");
    assert_eq!(exported.len(), 730);
    for (n, (ours, theirs)) in exported.iter().zip(expected).enumerate() {
        let mut differences = Vec::new();
        differ(&format!("item {n}"), ours, theirs, &mut differences);
        assert!(differences.is_empty(), "{differences:#?}");
    }
    assert!(exported.iter().any(|item| !item["Guid"].as_array().unwrap().is_empty()), "external ids are in it");

    let bytes = fs::read(home.exports().join("a/films.json")).unwrap();
    let digest = Sha256::digest(&bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    let seconds = result["seconds"].as_f64().unwrap();
    assert!(seconds > 0.0 && seconds < 60.0);
    let mut result = result;
    result.as_object_mut().unwrap().remove("seconds");
    assert_eq!(
        result,
        json!({
            "status": "finished", "exported": true, "libraryKey": "1", "library": "Movies", "type": "movie",
            "detail": "full", "format": "json", "outputPath": "a/films.json",
            "resource": "plex-export:///a/films.json", "totalExported": 730, "totalSize": 730, "complete": true,
            "changedDuringExport": false, "bytes": bytes.len(), "sha256": digest,
        })
    );
    let lines = String::from_utf8(bytes).unwrap();
    assert_eq!(lines.lines().count(), 732, "one item a line, and the brackets");
    client.close().await;
}

#[tokio::test]
async fn a_summary_has_the_seven_fields_and_every_type_can_be_exported() {
    let (plex, home) = home(movies(250)).await;
    let client = home.connect().await;
    client.call("export_library", json!({"libraryKey": "1", "detail": "summary", "outputPath": "s.json"})).await;
    let fields: HashSet<String> = home
        .exported("s.json")
        .iter()
        .flat_map(|item| item.as_object().unwrap().keys().cloned().collect::<Vec<_>>())
        .collect();
    let known = ["ratingKey", "title", "year", "type", "guid", "originalTitle", "editionTitle"];
    assert!(fields.iter().all(|field| known.contains(&field.as_str())), "{fields:?}");
    assert!(known[..5].iter().all(|field| fields.contains(*field)), "{fields:?}");
    assert!(fields.contains("editionTitle"), "editions keep their label");
    for (key, kind, number) in [
        ("1", "movie", 1),
        ("2", "show", 2),
        ("2", "season", 3),
        ("2", "episode", 4),
        ("3", "artist", 8),
        ("3", "album", 9),
        ("3", "track", 10),
        ("4", "photo", 13),
        ("1", "collection", 18),
    ] {
        let path = format!("{kind}.json");
        let result = client.call("export_library", json!({"libraryKey": key, "type": kind, "outputPath": path})).await;
        let listed = as_plex_json(&plex, &format!("/library/sections/{key}/all?type={number}")).await;
        let listed = listed["Metadata"].as_array().map_or(0, Vec::len);
        assert!(listed > 0, "the sample has no {kind}");
        assert_eq!(result["totalExported"], listed, "{kind}");
        let types: HashSet<_> =
            home.exported(&path).iter().map(|item| item["type"].as_str().unwrap().to_owned()).collect();
        // Plex lists the videos of phones among photos.
        let expected: &[&str] = if kind == "photo" { &["photo", "clip"] } else { &[kind] };
        assert!(types.iter().all(|kind| expected.contains(&kind.as_str())), "asked for {kind}: {types:?}");
    }
    let empty = client.call("export_library", json!({"libraryKey": "5", "outputPath": "empty.json"})).await;
    assert_eq!((&empty["totalExported"], &empty["complete"]), (&json!(0), &json!(true)));
    assert!(home.exported("empty.json").is_empty());
    client.close().await;
}

#[tokio::test]
async fn paging_ends_surely_and_loses_nothing_whatever_the_server_does() {
    let usual = Deviations::default;
    for (name, deviations, items, complete) in [
        ("both values are required", Deviations { require_both_paging: true, ..usual() }, 1001, true),
        ("pages are smaller than asked", Deviations { page_cap: Some(77), ..usual() }, 1001, true),
        ("no total is told", Deviations { omit_total_size: true, ..usual() }, 1001, true),
        ("no total and small pages", Deviations { omit_total_size: true, page_cap: Some(100), ..usual() }, 1001, true),
        ("paging is ignored", Deviations { ignore_paging: true, ..usual() }, 100, false),
        ("pages repeat", Deviations { repeat_page: true, ..usual() }, 300, false),
        ("passing failures", Deviations { fail_first: 2, ..usual() }, 1001, true),
        ("a cut connection", Deviations { fail_after: Some(4), ..usual() }, 1001, true),
    ] {
        let (plex, home) = home(deviating(1001, deviations)).await;
        let client = home.connect().await;
        let result =
            client.call("export_library", json!({"libraryKey": "1", "outputPath": "x.json", "pageSize": 300})).await;
        assert_eq!(
            (&result["totalExported"], &result["complete"]),
            (&json!(items), &json!(complete)),
            "{name}: {result}"
        );
        let keys: HashSet<_> = home.exported("x.json").iter().map(|item| item["ratingKey"].to_string()).collect();
        assert_eq!(keys.len(), items, "{name}: distinct keys");
        assert!(plex.request_count() < 60, "{name}: {} requests", plex.request_count());
        client.close().await;
    }
}

#[tokio::test]
async fn a_library_that_shrinks_meanwhile_is_said_to_have_changed() {
    let (_plex, home) = home(deviating(1000, Deviations { shrink_after: Some(4), ..Deviations::default() })).await;
    let client = home.connect().await;
    let result =
        client.call("export_library", json!({"libraryKey": "1", "outputPath": "x.json", "pageSize": 100})).await;
    assert_eq!(result["changedDuringExport"], true, "{result}");
    // A row that went may have moved another one past the pages that were still to come.
    assert_eq!(result["complete"], false, "{result}");
    assert_eq!(result["totalExported"], home.exported("x.json").len());
    client.close().await;
}

#[tokio::test]
async fn untidy_answers_become_clean_json_and_lose_no_item() {
    let (_plex, home) = home(Options { untidy: true, ..movies(300) }).await;
    let client = home.connect().await;
    let result = client.call("export_library", json!({"libraryKey": "1", "outputPath": "x.json"})).await;
    assert_eq!(result["totalExported"], result["totalSize"]);
    let items = home.exported("x.json");
    let text = fs::read_to_string(home.exports().join("x.json")).unwrap();
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "control characters are in the file");
    assert!(items.iter().any(|item| item["addedAt"].as_i64().is_some_and(|at| at < 0)), "dates before 1970 stay");
    client.close().await;
}

#[tokio::test]
async fn a_failed_export_leaves_nothing_and_an_older_file_untouched() {
    let (plex, home) = home(movies(5000)).await;
    fs::create_dir_all(home.exports()).unwrap();
    fs::write(home.exports().join("old.json"), "[\"kept\"]").unwrap();
    let client = home.connect().await;
    let (text, error) = client.fail("export_library", json!({"libraryKey": "1", "outputPath": "old.json"})).await;
    assert_eq!(error["code"], "already_exists", "{text}");
    plex.stop().await;
    let arguments = json!({"libraryKey": "1", "outputPath": "old.json", "overwrite": true});
    let (text, error) = client.fail("export_library", arguments).await;
    assert_eq!(error["code"], "unreachable", "{text}");
    assert_eq!(home.files(), ["old.json"]);
    assert_eq!(fs::read_to_string(home.exports().join("old.json")).unwrap(), "[\"kept\"]");
    client.close().await;
}

#[tokio::test]
async fn overwriting_replaces_the_name_and_not_what_it_leads_to() {
    let (_plex, home) = home(movies(20)).await;
    fs::create_dir_all(home.exports()).unwrap();
    let outside = home.path("outside.json");
    fs::write(&outside, "precious").unwrap();
    fs::hard_link(&outside, home.exports().join("hard.json")).unwrap();
    let client = home.connect().await;
    let overwrite = |path: &str| json!({"libraryKey": "1", "outputPath": path, "overwrite": true});
    client.call("export_library", overwrite("hard.json")).await;
    assert_eq!(home.exported("hard.json").len(), 20);
    client.call("export_library", overwrite("hard.json")).await;
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&outside, home.exports().join("soft.json")).unwrap();
        let (_, error) = client.fail("export_library", json!({"libraryKey": "1", "outputPath": "soft.json"})).await;
        assert_eq!(error["code"], "already_exists");
        client.call("export_library", overwrite("soft.json")).await;
        assert!(!home.exports().join("soft.json").is_symlink());
    }
    fs::create_dir(home.exports().join("folder.json")).unwrap();
    let (text, _) = client.fail("export_library", overwrite("folder.json")).await;
    assert!(text.contains("folder.json is not a file"), "{text}");
    assert_eq!(fs::read_to_string(&outside).unwrap(), "precious");
    client.close().await;
}

#[tokio::test]
async fn no_path_leads_out_of_the_exports_directory() {
    let (plex, home) = home(movies(5)).await;
    fs::create_dir_all(home.exports()).unwrap();
    fs::create_dir(home.path("outside")).unwrap();
    let client = home.connect().await;
    for path in [
        "../out.json",
        "a/../../out.json",
        "/tmp/out.json",
        "..\\out.json",
        "C:\\out.json",
        "~/out.json",
        ".hidden.json",
        "a//out.json",
        "out.txt",
        "out",
        "",
        " ",
        "out.json\0",
        "nul.json",
        "-out.json",
        "a/./out.json",
        "out.json/",
        "....json",
    ] {
        let before = plex.request_count();
        let (text, error) = client.fail("export_library", json!({"libraryKey": "1", "outputPath": path})).await;
        assert_eq!(error["code"], "invalid_argument", "{path:?}: {text}");
        assert!(text.contains("outputPath"), "{path:?}: {text}");
        assert_eq!(plex.request_count(), before, "{path:?} asked Plex");
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(home.path("outside"), home.exports().join("way")).unwrap();
        let (text, error) =
            client.fail("export_library", json!({"libraryKey": "1", "outputPath": "way/out.json"})).await;
        assert_eq!(error["code"], "invalid_argument", "{text}");
        assert!(text.contains("way is not a folder of the exports directory"), "{text}");
    }
    assert_eq!(fs::read_dir(home.path("outside")).unwrap().count(), 0);
    assert_eq!(home.files().iter().filter(|name| name.ends_with(".json")).count(), 0, "{:?}", home.files());
    client.close().await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_directory_that_is_swapped_during_the_export_gets_nothing() {
    let deviations = Deviations { delay: Some(Duration::from_millis(60)), page_cap: Some(50), ..Deviations::default() };
    let (_plex, home) = home(deviating(1000, deviations)).await;
    fs::create_dir_all(home.exports().join("sub")).unwrap();
    fs::create_dir(home.path("outside")).unwrap();
    let client = home.connect().await;
    let swap = async {
        while !home.files().iter().any(|name| name.ends_with(".part")) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        fs::rename(home.exports().join("sub"), home.exports().join("moved")).unwrap();
        std::os::unix::fs::symlink(home.path("outside"), home.exports().join("sub")).unwrap();
    };
    let arguments = json!({"libraryKey": "1", "outputPath": "sub/out.json"});
    let ((), (text, _)) = tokio::join!(swap, client.fail("export_library", arguments));
    assert!(text.contains("is not a folder of the exports directory"), "{text}");
    assert_eq!(fs::read_dir(home.path("outside")).unwrap().count(), 0);
    assert_eq!(fs::read_dir(home.exports().join("moved")).unwrap().count(), 0, "{:?}", home.files());
    client.close().await;
}

#[tokio::test]
async fn what_a_killed_export_left_is_swept_at_the_next_start_and_a_running_one_is_not() {
    let deviations =
        Deviations { delay: Some(Duration::from_millis(100)), page_cap: Some(50), ..Deviations::default() };
    let (_plex, home) = home(deviating(100_000, deviations)).await;
    let parts = |home: &Home| home.files().iter().filter(|name| name.ends_with(".part")).count();
    let begin = async |home: &Home| {
        let mut raw = home.raw();
        raw.initialize("2025-11-25").await;
        let arguments = json!({"libraryKey": "1", "outputPath": "deep/er/out.json"});
        raw.begin("tools/call", json!({"name": "export_library", "arguments": arguments})).await;
        while parts(home) == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        raw
    };
    let mut killed = begin(&home).await;
    killed.child.kill().await.unwrap();
    assert_eq!(parts(&home), 1);
    let left = home.files();
    let running = home.connect().await;
    running.call("get_libraries", json!({})).await;
    tokio::time::timeout(Duration::from_secs(10), async {
        while !home.files().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .expect("the next start sweeps");
    running.close().await;
    // The command line sweeps, too.
    begin(&home).await.child.kill().await.unwrap();
    assert_eq!(parts(&home), 1);
    assert_eq!(home.run(&["export", "5", "--output", "empty.json"]).await.code, 0);
    assert_eq!(home.files(), ["empty.json"]);
    fs::remove_file(home.exports().join("empty.json")).unwrap();
    let live = begin(&home).await;
    let held = home.files();
    assert_ne!(held, left);
    let second = home.connect().await;
    second.call("get_libraries", json!({})).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(home.files(), held, "the file of a running export stays");
    second.close().await;
    live.close().await;
    assert!(home.files().is_empty());
}

#[tokio::test]
async fn the_policys_caps_stop_an_export_and_redacted_fields_never_reach_the_disk() {
    let (_plex, home) = home(movies(400)).await;
    fs::create_dir_all(home.exports()).unwrap();
    fs::write(home.exports().join("old.json"), "[]").unwrap();
    for (cap, reason) in [
        ("max_items = 399", "limit of 399 items"),
        ("max_bytes = 100_000", "limit of 100000 bytes"),
        ("max_files = 1", "limit of 1 files"),
        ("min_free_bytes = 1_000_000_000_000_000", "limit of 1000000000000000 free bytes"),
        ("max_total_bytes = 300_000", "limit of 300000 bytes in the exports directory"),
    ] {
        home.policy(&format!("version = \"1\"\ndefault = \"allow\"\n[exports]\n{cap}\n"));
        let client = home.connect().await;
        let (text, error) = client.fail("export_library", json!({"libraryKey": "1", "pageSize": 50})).await;
        assert_eq!(error["code"], "export_limit", "{cap}: {text}");
        assert!(text.contains(reason), "{cap}: {text}");
        client.close().await;
        assert_eq!(home.files(), ["old.json"], "{cap}");
    }
    home.policy("version = \"1\"\ndefault = \"allow\"\n[exports]\nmax_files = 1\n");
    let client = home.connect().await;
    let arguments = json!({"libraryKey": "1", "outputPath": "old.json", "overwrite": true});
    assert_eq!(client.call("export_library", arguments).await["totalExported"], 400, "no file is added");
    client.close().await;
    home.policy("version = \"1\"\ndefault = \"allow\"\n[exports]\nredact = [\"Media.Part.file\", \"summary\"]\n");
    let client = home.connect().await;
    client.call("export_library", json!({"libraryKey": "1", "outputPath": "x.json"})).await;
    let text = fs::read_to_string(home.exports().join("x.json")).unwrap();
    assert!(text.contains("\"Part\":[{") && !text.contains("\"file\":") && !text.contains("\"summary\":"));
    client.close().await;
}

#[tokio::test]
async fn without_a_name_each_export_gets_one_of_its_own() {
    let (_plex, home) = home(movies(3)).await;
    let client = home.connect().await;
    let mut names = HashSet::new();
    for _ in 0..3 {
        let result = client.call("export_library", json!({"libraryKey": "1", "type": "movie"})).await;
        names.insert(result["outputPath"].as_str().unwrap().to_owned());
    }
    assert_eq!(names.len(), 3);
    assert!(names.iter().all(|name| name.starts_with("library-1-movie-20") && name.ends_with(".json")), "{names:?}");
    client.close().await;
}
