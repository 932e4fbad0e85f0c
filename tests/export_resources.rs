//! Finished exports as resources: listed with size and SHA-256, read in pieces through the guard, and looked after from the
//! command line.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test fails by panicking"
)]

mod support;

use plex_mcp::{
    demo::{Options, SampleLibrary},
    guard::Outcome,
};
use rmcp::model::{ReadResourceRequestParams, Resource, ResourceContents};
use serde_json::{Value, json};
use std::fs;
use support::{Client, Home, home};

async fn exported() -> (plex_mcp::demo::SamplePlex, Home) {
    home(Options { library: SampleLibrary { movies: 300, ..SampleLibrary::default() }, ..Options::default() }).await
}

/// The exports among the resources.
async fn exports(client: &Client) -> Vec<Resource> {
    let mut listed = client.service.list_all_resources().await.unwrap();
    listed.retain(|resource| resource.uri.starts_with("plex-export:"));
    listed
}

async fn read(client: &Client, uri: &str) -> Result<Vec<(String, Value)>, String> {
    let result =
        client.service.read_resource(ReadResourceRequestParams::new(uri)).await.map_err(|error| error.to_string())?;
    let contents = result.contents.into_iter().map(|contents| match contents {
        ResourceContents::TextResourceContents { text, meta, .. } => (text, serde_json::to_value(meta).unwrap()),
        ResourceContents::BlobResourceContents { .. } => panic!("an export is text"),
        _ => panic!("unknown contents"),
    });
    Ok(contents.collect())
}

#[tokio::test]
async fn an_export_is_listed_and_read_in_pieces_that_make_up_the_file() {
    let (_plex, home) = exported().await;
    let client = home.connect().await;
    assert!(exports(&client).await.is_empty());
    let result = client.call("export_library", json!({"libraryKey": "1", "outputPath": "my films/all.json"})).await;
    let listed = exports(&client).await;
    assert_eq!(listed.len(), 1);
    assert_eq!(
        (listed[0].uri.as_str(), listed[0].size),
        ("plex-export:///my%20films/all.json", result["bytes"].as_u64())
    );
    assert_eq!(listed[0].uri, result["resource"]);
    let meta = serde_json::to_value(&listed[0].meta).unwrap();
    assert_eq!(meta["sha256"], result["sha256"]);
    let templates = client.service.list_all_resource_templates().await.unwrap();
    assert!(
        templates.iter().any(|template| template.uri_template == "plex-export:///{+name}{?offset,length}"),
        "{templates:?}"
    );

    let (mut all, mut uri, mut reads) = (String::new(), listed[0].uri.clone(), 0);
    loop {
        let contents = read(&client, &uri).await.unwrap();
        let (text, meta) = &contents[0];
        assert!(text.len() <= 65_536 && text.ends_with('\n'), "a piece ends with a line");
        assert_eq!((&meta["size"], &meta["sha256"]), (&result["bytes"], &result["sha256"]));
        all.push_str(text);
        reads += 1;
        match meta["nextOffset"].as_u64() {
            Some(next) => {
                assert!(contents[1].0.contains(&format!("offset={next}")), "{}", contents[1].0);
                uri = format!("{}?offset={next}&length=65536", listed[0].uri);
            }
            None => break,
        }
    }
    assert!(reads > 5, "{reads} reads");
    assert_eq!(all, fs::read_to_string(home.exports().join("my films/all.json")).unwrap());
    let rows = home.rows().await;
    let recorded: Vec<_> = rows.iter().filter(|row| row.tool == "read_export").collect();
    assert_eq!(recorded.len(), reads);
    assert!(
        recorded.iter().all(|row| row.outcome == Some(Outcome::Ok) && row.affected.titles == ["my films/all.json"])
    );
    for bad in [
        "plex-export:///../ledger.db",
        "plex-export:///none.json",
        "plex-export:///my%20films/all.json?offset=x",
        "plex-export:///my%20films/all.json?length=70000",
        "plex-export:///policy.toml",
    ] {
        assert!(read(&client, bad).await.is_err(), "{bad}");
    }
    client.close().await;
}

#[tokio::test]
async fn the_policy_rules_the_reading_of_exports() {
    let (_plex, home) = exported().await;
    home.policy(
        "version = \"1\"\ndefault = \"allow\"\n[tools.read_export]\nlimits = [{ counter = \"reads\", window = \"hour\", max = 2 }]\n",
    );
    let client = home.connect().await;
    client.call("export_library", json!({"libraryKey": "1", "outputPath": "x.csv", "format": "csv"})).await;
    for _ in 0..2 {
        read(&client, "plex-export:///x.csv").await.unwrap();
    }
    let refused = read(&client, "plex-export:///x.csv").await.unwrap_err();
    assert!(refused.contains("[POLICY DENIED]"), "{refused}");
    client.close().await;
    home.policy("version = \"1\"\ndefault = \"allow\"\n[tools.read_export]\naction = \"deny\"\n");
    let client = home.connect().await;
    assert!(read(&client, "plex-export:///x.csv").await.unwrap_err().contains("[POLICY DENIED]"));
    client.close().await;
    home.policy("version = \"1\"\ndefault = \"allow\"\nhide = [\"read_export\"]\n");
    let client = home.connect().await;
    assert!(exports(&client).await.is_empty());
    assert!(!read(&client, "plex-export:///x.csv").await.unwrap_err().contains("POLICY"), "as if it were not there");
    client.close().await;
}

#[tokio::test]
async fn exports_are_listed_verified_and_pruned_from_the_command_line() {
    let (_plex, home) = exported().await;
    let none = home.run(&["exports"]).await;
    assert!(none.code == 0 && none.stdout.contains("there are no exports"), "{none:?}");
    for name in ["a.json", "b/c.csv"] {
        assert_eq!(home.run(&["export", "1", "--output", name]).await.code, 0);
    }
    fs::write(home.exports().join("foreign.json"), "[]").unwrap();
    let listed = home.run(&["exports"]).await;
    assert!(listed.stdout.contains("a.json") && listed.stdout.contains("b/c.csv"), "{}", listed.stdout);
    assert!(
        listed.stdout.contains("300 items of the library \"Movies\"") && listed.stdout.contains("not noted"),
        "{}",
        listed.stdout
    );
    let lines = home.run(&["exports", "--json"]).await.stdout;
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0]["sha256"].as_str().unwrap().len(), 64);
    let verified = home.run(&["exports", "verify"]).await;
    assert_eq!(verified.code, 0, "{verified:?}");
    assert!(
        verified.stdout.contains("unchanged  a.json") && verified.stdout.contains("not noted  foreign.json"),
        "{}",
        verified.stdout
    );
    // A byte that is another is found, and a file that is gone.
    let mut bytes = fs::read(home.exports().join("a.json")).unwrap();
    bytes[500] ^= 1;
    fs::write(home.exports().join("a.json"), &bytes).unwrap();
    fs::remove_file(home.exports().join("b/c.csv")).unwrap();
    let verified = home.run(&["exports", "verify"]).await;
    assert_eq!(verified.code, 1, "{verified:?}");
    assert!(
        verified.stdout.contains("changed    a.json") && verified.stdout.contains("gone       b/c.csv"),
        "{}",
        verified.stdout
    );
    assert_eq!(home.run(&["exports", "verify", "nothing.json"]).await.code, 2);
    let dry = home.run(&["exports", "prune", "--older-than", "0s", "--dry-run"]).await;
    assert!(dry.stdout.contains("would remove a.json"), "{dry:?}");
    assert_eq!(home.files(), ["a.json", "foreign.json"]);
    assert_eq!(home.run(&["exports", "prune", "--older-than", "1d"]).await.code, 0);
    assert_eq!(home.files(), ["a.json", "foreign.json"], "both are young");
    assert_eq!(home.run(&["exports", "prune", "--keep", "1"]).await.code, 0);
    assert_eq!(home.files().len(), 1);
    assert_eq!(home.run(&["exports", "prune"]).await.code, 2, "what to remove has to be said");
}
