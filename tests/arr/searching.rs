//! Searches for downloads: for one title, or by name for everything.

use crate::{TWINS, posts};
use plex_mcp::{
    demo::{ArrDeviations, ArrKind, ArrOptions},
    guard::Outcome,
};
use serde_json::json;

#[tokio::test]
async fn searches_are_for_one_title_or_by_name_for_everything() {
    for twin in TWINS {
        let (server, home, client) = twin.start(twin.options()).await;
        for (arguments, field) in [
            (json!({twin.id: 0}), twin.id),
            (json!({twin.id: ""}), twin.id),
            (json!({twin.id: -1}), twin.id),
            (json!({}), twin.id),
            (json!({"scope": "one"}), twin.id),
            (json!({"scope": "all_missing", twin.id: 4}), twin.id),
            (json!({"scope": "everything"}), "scope"),
            (json!({twin.id: 4, "waitSeconds": 46}), "waitSeconds"),
        ] {
            let (text, error) = client.fail(twin.trigger, arguments.clone()).await;
            assert_eq!(error["fields"], json!([field]), "{arguments}: {text}");
        }
        assert_eq!(server.request_count(), 0);
        let (text, error) = client.fail(twin.trigger, json!({twin.id: 9_999})).await;
        assert_eq!(error["code"], "not_found", "{text}");
        assert!(posts(&server).is_empty());

        let queued = client.call(twin.queue, json!({})).await["totalSize"].as_u64().unwrap();
        let result = client.call(twin.trigger, json!({twin.id: 4, "waitSeconds": 10})).await;
        assert_eq!(
            (&result["started"], &result["status"], &result["result"]),
            (&json!(true), &json!("completed"), &json!("successful"))
        );
        assert!(result["commandId"].is_u64() && result["title"].is_string(), "{result}");
        let expected = if twin.kind == ArrKind::Sonarr {
            json!({"name": "SeriesSearch", "seriesId": 4})
        } else {
            json!({"name": "MoviesSearch", "movieIds": [4]})
        };
        assert_eq!(posts(&server), [expected]);
        let now = client.call(twin.queue, json!({})).await["totalSize"].as_u64().unwrap();
        assert_eq!(now, queued + 1, "what was found is downloading");

        // What is under way is not begun again.
        let first = client.call(twin.trigger, json!({"scope": "all_missing", "waitSeconds": 0})).await;
        let missing = client.call(twin.missing, json!({})).await["totalSize"].clone();
        assert_eq!((&first["started"], &first["missing"]), (&json!(true), &missing));
        assert!(["queued", "started"].contains(&first["status"].as_str().unwrap()), "{first}");
        let again = client.call(twin.trigger, json!({"scope": "all_missing", "waitSeconds": 0})).await;
        if again["started"] == false {
            assert_eq!(again["commandId"], first["commandId"]);
        }
        let row = home.rows().await.into_iter().find(|row| row.affected.items == missing.as_u64()).unwrap();
        assert_eq!((row.tool.as_str(), row.outcome), (twin.trigger, Some(Outcome::Ok)));
        client.close().await;
    }
}

#[tokio::test]
async fn a_search_for_everything_can_be_held_to_a_number() {
    for twin in TWINS {
        let (server, home, _) = twin.start(twin.options()).await;
        for rule in [
            "deny_if = [{ path = \"args.scope\", op = \"eq\", value = \"all_missing\" }]",
            "require = [{ path = \"item.count\", op = \"lte\", value = 3 }]",
            "limits = [{ counter = \"found\", window = \"day\", max = 3, of = \"items\" }]",
        ] {
            home.policy(&format!("version = \"1\"\ndefault = \"allow\"\n[tools.{}]\n{rule}\n", twin.trigger));
            let client = home.connect().await;
            let (text, error) = client.fail(twin.trigger, json!({"scope": "all_missing"})).await;
            assert!(text.starts_with("[POLICY DENIED]") && error["denied"] == true, "{rule}: {text}");
            client.close().await;
        }
        assert!(posts(&server).is_empty());
    }
}

#[tokio::test]
async fn a_search_that_fails_says_so() {
    for twin in TWINS {
        let deviations = ArrDeviations { fail_commands: true, ..ArrDeviations::default() };
        let (_server, _home, client) = twin.start(ArrOptions { deviations, ..twin.options() }).await;
        let result = client.call(twin.trigger, json!({twin.id: 1, "waitSeconds": 10})).await;
        assert_eq!((&result["status"], &result["result"]), (&json!("failed"), &json!("unsuccessful")));
        assert!(result["says"].as_str().unwrap().contains("no indexer answers"));
        client.close().await;
    }
}
