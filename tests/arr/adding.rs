//! What is added is what was meant, once, and as the policy allows.

use crate::{
    KEY, TWINS, all, posts, rows,
    support::trouble::{Trouble, answer, forward},
};
use plex_mcp::{
    demo::{ArrDeviations, ArrKind, ArrOptions, DropPost, SampleArr, SampleRoot},
    guard::{Decision, Outcome},
};
use serde_json::json;

#[tokio::test]
async fn adding_takes_what_was_named_and_says_so_everywhere() {
    for twin in TWINS {
        let options = twin.options();
        let id = twin.new_title(&options, 4);
        let (server, home, client) = twin.start(options).await;
        let result = client.call(twin.add, json!({twin.foreign_id: id, "qualityProfileId": 2})).await;
        let item = &result[twin.added];
        assert_eq!(
            (&result["added"], &result["qualityProfile"], &result["searchStarted"]),
            (&json!(true), &json!("Ultra-HD"), &json!(false))
        );
        assert_eq!((&item[twin.foreign_id], &item["qualityProfileId"]), (&json!(id), &json!(2)));
        assert!(item["path"].as_str().unwrap().starts_with(twin.root), "{item}");

        // The service's own title, the only root folder, and no search that nobody asked for.
        let sent = posts(&server);
        assert_eq!(sent.len(), 1);
        assert_eq!((&sent[0]["title"], &sent[0]["rootFolderPath"]), (&item["title"], &json!(twin.root)));
        let options = &sent[0]["addOptions"];
        let search = if twin.kind == ArrKind::Sonarr { "searchForMissingEpisodes" } else { "searchForMovie" };
        assert_eq!(options[search], false);

        // It is there now, and not added again.
        let title = item["title"].as_str().unwrap();
        let (found, _) = all(&client, twin.list, twin.rows, json!({"filter": title})).await;
        assert!(found.iter().any(|row| row["id"] == item["id"]));
        let (text, error) = client.fail(twin.add, json!({twin.foreign_id: id, "qualityProfileId": 2})).await;
        assert_eq!((&error["code"], &error["item"]["id"]), (&json!("already_exists"), &item["id"]), "{text}");
        assert!(text.contains(title) && text.contains("nothing was changed"), "{text}");
        assert_eq!(posts(&server).len(), 1);

        let row = home.rows().await.into_iter().find(|row| row.tool == twin.add).unwrap();
        assert_eq!((row.decision, row.outcome), (Decision::Allow, Some(Outcome::Ok)));
        assert!(row.affected.titles[0].contains(title), "{:?}", row.affected);
        client.close().await;
    }
}

#[tokio::test]
async fn adding_refuses_what_is_not_clear_and_sends_nothing() {
    for twin in TWINS {
        let roots = vec![
            SampleRoot::new(twin.root),
            SampleRoot { path: "/away".into(), accessible: false, free: 0 },
            SampleRoot { path: "/full".into(), accessible: true, free: 5_000 },
        ];
        let options = ArrOptions { roots, ..twin.options() };
        let id = twin.new_title(&options, 4);
        let (server, _home, client) = twin.start(options).await;
        let fine = json!({twin.foreign_id: id, "qualityProfileId": 1, "rootFolderPath": twin.root});
        for (changes, field, says) in [
            (json!({"qualityProfileId": null}), "qualityProfileId", "1 (HD-1080p), 2 (Ultra-HD)"),
            (json!({"qualityProfileId": 3}), "qualityProfileId", "1 (HD-1080p), 2 (Ultra-HD)"),
            (json!({"rootFolderPath": null}), "rootFolderPath", "/away (not accessible), /full (full)"),
            (json!({"rootFolderPath": "/elsewhere"}), "rootFolderPath", "(2400 GB free)"),
            (json!({"rootFolderPath": "/away"}), "rootFolderPath", "is not accessible"),
            (json!({"rootFolderPath": "/full/"}), "rootFolderPath", "is full"),
            (json!({"title": "Something Else Altogether"}), "title", "which is \""),
            (json!({twin.foreign_id: 5}), twin.foreign_id, "look it up with"),
        ] {
            let mut arguments = fine.clone();
            arguments.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
            let (text, error) = client.fail(twin.add, arguments).await;
            assert!(text.contains(says), "{says}: {text}");
            assert_eq!((&error["code"], &error["fields"]), (&json!("invalid_argument"), &json!([field])), "{text}");
        }
        // Refused by their form alone: nothing is even asked.
        let before = server.request_count();
        for changes in [
            json!({twin.foreign_id: 0}),
            json!({twin.foreign_id: -3}),
            json!({twin.foreign_id: "7x"}),
            json!({twin.foreign_id: null}),
            json!({"qualityProfileId": 0}),
            json!({"rootFolderPath": ""}),
            json!({"monitored": "perhaps"}),
            json!({"qualityProfile": 1}),
            json!({"monitorType": "sometimes", "minimumAvailability": "preDB"}),
        ] {
            let mut arguments = fine.clone();
            arguments.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
            let (_, error) = client.fail(twin.add, arguments).await;
            assert_eq!(error["code"], "invalid_argument", "{changes}");
        }
        assert_eq!(server.request_count(), before);
        assert!(posts(&server).is_empty());
        // One that only begins like it is another title, and so is one of another year.
        let prefix = twin.foreign_id.trim_end_matches("Id");
        let found = client.call(twin.look_up, json!({"query": format!("{prefix}:{id}")})).await;
        let (title, year) = (
            rows(&found, "results")[0]["title"].as_str().unwrap(),
            rows(&found, "results")[0]["year"].as_i64().unwrap(),
        );
        for other in
            [title[..title.len() - 1].to_owned(), format!("{title} Returns"), format!("{title} ({})", year - 9)]
        {
            let mut arguments = fine.clone();
            arguments["title"] = other.into();
            let (text, error) = client.fail(twin.add, arguments).await;
            assert_eq!(error["fields"], json!(["title"]), "{text}");
        }
        // With the title as people write it, it is taken.
        let mut arguments = fine.clone();
        arguments["title"] = format!("{} ({year})", title.to_uppercase()).into();
        client.call(twin.add, arguments).await;
        client.close().await;
    }
}

#[tokio::test]
async fn a_search_at_once_is_begun_only_when_it_is_asked_for() {
    for twin in TWINS {
        let options = ArrOptions { profiles: vec!["Any".into()], ..twin.options() };
        let (server, _home, client) = twin.start(options.clone()).await;
        let other_name = if twin.kind == ArrKind::Sonarr { "searchForMissingEpisodes" } else { "searchForMovie" };
        for (at, name) in ["searchNow", other_name].into_iter().enumerate() {
            let id = twin.new_title(&options, at as u64);
            let result = client.call(twin.add, json!({twin.foreign_id: id, name: true})).await;
            assert_eq!(result["searchStarted"], true, "{name}");
            assert_eq!(posts(&server)[at]["addOptions"][other_name], true);
        }
        let (_, error) = client.fail(twin.add, json!({twin.foreign_id: 1, "searchNow": false, other_name: true})).await;
        assert_eq!(error["fields"], json!([other_name]));
        client.close().await;
    }
}

#[tokio::test]
async fn the_policy_sees_what_a_title_is_added_with() {
    for twin in TWINS {
        let options = ArrOptions { roots: vec![SampleRoot::new("/kids"), SampleRoot::new("/grown")], ..twin.options() };
        let id = twin.new_title(&options, 2);
        let (server, home, _) = twin.start(options).await;
        let arguments = json!({twin.foreign_id: id, "qualityProfileId": 1, "rootFolderPath": "/grown"});
        let (summary, title) = (twin.title_fact, "x".to_owned());
        for rule in [
            "require = [{ path = \"arr.root_folder\", op = \"eq\", value = \"/kids\" }]".to_owned(),
            "deny_if = [{ path = \"arr.quality_profile\", op = \"eq\", value = \"HD-1080p\" }]".to_owned(),
            format!("require = [{{ path = \"{summary}\", op = \"eq\", value = \"{title}\" }}]"),
            "require = [{ path = \"item.year\", op = \"gt\", value = 2100 }]".to_owned(),
            "require = [{ path = \"item.count\", op = \"gt\", value = 50 }]".to_owned(),
            "deny_if = [{ path = \"args.searchNow\", op = \"eq\", value = false }]".to_owned(),
        ] {
            home.policy(&format!(
                "version = \"1\"\ndefault = \"allow\"\n[tools.{}]\n{rule}\non_deny = \"not here\"\n",
                twin.add
            ));
            let client = home.connect().await;
            let (text, error) = client.fail(twin.add, arguments.clone()).await;
            assert!(text.starts_with("[POLICY DENIED]") && error["denied"] == true, "{rule}: {text}");
            client.close().await;
        }
        assert!(posts(&server).is_empty());
        assert!(home.rows().await.iter().all(|row| row.decision == Decision::Deny));
        home.policy(&format!(
            "version = \"1\"\ndefault = \"allow\"\n[tools.{}]\nrequire = [{{ path = \"arr.root_folder\", op = \"eq\", value = \"/grown\" }}]\n",
            twin.add
        ));
        let client = home.connect().await;
        client.call(twin.add, arguments).await;
        assert_eq!(posts(&server).len(), 1);
        client.close().await;
    }
}

#[tokio::test]
async fn sonarr_3_is_given_a_language_profile() {
    let twin = TWINS[0];
    let options = ArrOptions { version: "3.0.10.1567".into(), profiles: vec!["Any".into()], ..twin.options() };
    let id = twin.new_title(&options, 3);
    let (server, _home, client) = twin.start(options.clone()).await;
    client.call(twin.add, json!({"tvdbId": id, "monitorType": "lastSeason"})).await;
    let sent = posts(&server);
    assert_eq!((&sent[0]["languageProfileId"], &sent[0]["addOptions"]["monitor"]), (&json!(1), &json!("latestSeason")));
    let profiles = client.call(twin.profiles, json!({})).await;
    assert_eq!(profiles["languageProfiles"], json!([{"id": 1, "name": "English"}]));
    client.close().await;

    let several = ArrOptions { languages: vec!["English".into(), "Any".into()], ..options };
    let (server, _home, client) = twin.start(several).await;
    let (text, error) = client.fail(twin.add, json!({"tvdbId": id})).await;
    assert!(text.contains("1 (English), 2 (Any)") && error["fields"] == json!(["languageProfileId"]), "{text}");
    let (text, _) = client.fail(twin.add, json!({"tvdbId": id, "languageProfileId": 2, "monitorType": "recent"})).await;
    assert!(text.contains("monitorType"), "{text}");
    client.call(twin.add, json!({"tvdbId": id, "languageProfileId": 2})).await;
    assert_eq!(posts(&server)[0]["languageProfileId"], 2);
    client.close().await;

    let (server, _home, client) = twin.start(ArrOptions { profiles: vec!["Any".into()], ..twin.options() }).await;
    let (text, _) = client.fail(twin.add, json!({"tvdbId": id, "languageProfileId": 1})).await;
    assert!(text.contains("languageProfileId"), "{text}");
    client.call(twin.add, json!({"tvdbId": id})).await;
    assert_eq!(posts(&server)[0].get("languageProfileId"), None);
    client.close().await;
}

#[tokio::test]
async fn monitored_seasons_are_those_of_the_type() {
    let twin = TWINS[0];
    let options = ArrOptions { profiles: vec!["Any".into()], ..twin.options() };
    let (_server, _home, client) = twin.start(options.clone()).await;
    for (at, (kind, monitored)) in [("all", true), ("firstSeason", true), ("none", false)].into_iter().enumerate() {
        let id = twin.new_title(&options, at as u64);
        let result = client.call(twin.add, json!({"tvdbId": id, "monitorType": kind})).await;
        let row = &result["series"];
        assert_eq!(row["monitored"], monitored, "{kind}");
        let wanted = match kind {
            "all" => row["seasons"].clone(),
            "firstSeason" => json!(1),
            _ => json!(0),
        };
        assert_eq!(row["monitoredSeasons"], wanted, "{kind}");
    }
    client.close().await;
}

/// The sample server, whose POSTs are answered otherwise.
async fn refusing(server: &SampleArr, library: &'static str, status: u16, body: &'static str) -> Trouble {
    let url = server.url();
    Trouble::start(move |seen| {
        let url = url.clone();
        async move {
            if (seen.path == library && seen.query.is_empty()) || (seen.path == "/api/v3/command" && status >= 400) {
                return answer(status, "application/json", body);
            }
            forward(&url, "", &seen).await
        }
    })
    .await
}

#[tokio::test]
async fn what_a_service_refuses_is_told_line_by_line() {
    for twin in TWINS {
        let options = ArrOptions { profiles: vec!["Any".into()], ..twin.options() };
        let server = SampleArr::start(options.clone()).await.unwrap();
        let body = r#"[{"propertyName":"Path","errorMessage":"Path 'x' is already configured","attemptedValue":"x"},
            {"propertyName":"Title","errorMessage":"is \u001b[31modd arr-CANARY-456"}]"#;
        let between = refusing(&server, twin.library, 400, body).await;
        let home = twin.home(between.url());
        let client = home.connect().await;
        let (text, error) = client.fail(twin.add, json!({twin.foreign_id: twin.new_title(&options, 1)})).await;
        assert!(text.contains("Path: Path 'x' is already configured; Title: is [31modd [key]"), "{text}");
        assert_eq!(error["code"], "rejected");
        let row = home.rows().await.pop().unwrap();
        assert_eq!(row.outcome, Some(Outcome::Failed));
        client.close().await;

        // Said to be there by the service alone.
        let body =
            r#"[{"propertyName":"TmdbId","errorMessage":"This movie has already been added","attemptedValue":1}]"#;
        let between = refusing(&server, twin.library, 400, body).await;
        let home = twin.home(between.url());
        let client = home.connect().await;
        let (text, error) = client.fail(twin.add, json!({twin.foreign_id: twin.new_title(&options, 1)})).await;
        assert!(text.contains("already been added") && error["code"] == "rejected", "{text}");
        client.close().await;
    }
}

/// Somebody else was faster: the service's database refuses what its checks had let pass.
#[tokio::test]
async fn what_was_added_meanwhile_is_there_already() {
    for twin in TWINS {
        let options = ArrOptions { profiles: vec!["Any".into()], ..twin.options() };
        let server = SampleArr::start(options.clone()).await.unwrap();
        let (url, key, id) = (server.url(), KEY, twin.new_title(&options, 1));
        let between = Trouble::start(move |seen| {
            let url = url.clone();
            async move {
                if seen.path == twin.library && seen.query.is_empty() {
                    let body = json!({twin.foreign_id: id, "title": "T", "qualityProfileId": 1,
                        "rootFolderPath": twin.root, "monitored": true});
                    let post = reqwest::Client::new().post(format!("{url}{}", twin.library)).header("X-Api-Key", key);
                    let posted = post.header("content-type", "application/json").body(body.to_string()).send().await;
                    assert!(posted.unwrap().status().is_success());
                    return answer(409, "application/json", r#"{"message":"UNIQUE constraint failed"}"#);
                }
                forward(&url, "", &seen).await
            }
        })
        .await;
        let home = twin.home(between.url());
        let client = home.connect().await;
        let (text, error) = client.fail(twin.add, json!({twin.foreign_id: id})).await;
        assert!(error["code"] == "already_exists" && error["item"]["id"].is_u64(), "{text}");
        client.close().await;
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_is_looked_up_and_never_asked_for_twice() {
    for twin in TWINS {
        for (lost, known) in [(DropPost::After, true), (DropPost::Before, false)] {
            let deviations = ArrDeviations { drop_posts: Some(lost), ..ArrDeviations::default() };
            let options = ArrOptions { deviations, profiles: vec!["Any".into()], ..twin.options() };
            let (server, home, client) = twin.start(options.clone()).await;
            let arguments = json!({twin.foreign_id: twin.new_title(&options, 1)});
            if known {
                let result = client.call(twin.add, arguments).await;
                assert!(result["warning"].as_str().unwrap().contains("looking again showed"), "{result}");
                assert!(result[twin.added]["id"].is_u64());
            } else {
                let (text, error) = client.fail(twin.add, arguments).await;
                assert_eq!(error["code"], "outcome_unknown", "{text}");
                assert!(text.contains("does not have it now"), "{text}");
            }
            assert_eq!(posts(&server).len(), 1, "{lost:?}");
            let search = json!({twin.id: 4, "waitSeconds": 0});
            if known {
                assert_eq!(client.call(twin.trigger, search).await["started"], true);
            } else {
                let (text, error) = client.fail(twin.trigger, search).await;
                assert_eq!(error["code"], "outcome_unknown", "{text}");
            }
            assert_eq!(posts(&server).len(), 2, "{lost:?}");
            let outcome = if known { Outcome::Ok } else { Outcome::Unknown };
            let rows = home.rows().await;
            assert!(rows.iter().all(|row| row.outcome == Some(outcome)), "{rows:?}");
            client.close().await;
        }
    }
}
