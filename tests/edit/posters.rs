//! Posters: where a picture may come from, what is checked of it, and how the old one comes back.

use super::{SEEN, item, stable, undo};
use crate::support::{
    array, as_plex_json, changes, home,
    trouble::{TlsListener, Trouble, answer, authority, certificate, redirect},
};
use axum::body::Body;
use plex_mcp::demo::{Options, SamplePlex};
use serde_json::{Value, json};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nnot much of a picture";

#[tokio::test]
async fn a_poster_comes_from_the_exports_directory_and_the_old_one_back() {
    let (plex, home) = home(Options::default()).await;
    std::fs::create_dir_all(home.exports().join("art")).unwrap();
    std::fs::write(home.exports().join("art/film.png"), PNG).unwrap();
    std::fs::write(home.exports().join("page.png"), "<html>").unwrap();
    std::fs::write(home.exports().join("big.jpg"), vec![0xff; (10 << 20) + 1]).unwrap();
    std::fs::write(home.path("secret.png"), PNG).unwrap();
    std::os::unix::fs::symlink(home.path("secret.png"), home.exports().join("link.png")).unwrap();
    std::os::unix::fs::symlink(home.dir.path(), home.exports().join("folder")).unwrap();
    let client = home.connect().await;
    let before = (stable(&plex, SEEN).await, as_plex_json(&plex, "/library/metadata/1001/posters").await);
    for (arguments, says) in [
        (json!({"metadata": {}}), "metadata must hold a field to change"),
        (json!({"metadata": {"tilte": "X"}}), "metadata.tilte is not an argument of this tool; did you mean title?"),
        (json!({"metadata": {"year": "soon"}}), "metadata.year must be a whole number from 1 to 9999"),
        (json!({"metadata": {"genres": [["x"]]}}), "metadata.genres[0] must be a text"),
        (json!({"metadata": {}, "posterFile": "../secret.png"}), "posterFile must"),
        (json!({"metadata": {}, "posterFile": "/etc/passwd"}), "posterFile must be relative"),
        (json!({"metadata": {}, "posterFile": "link.png"}), "there is no file link.png in the exports directory"),
        (json!({"metadata": {}, "posterFile": "folder/secret.png"}), "folder is not a folder of the exports directory"),
        (json!({"metadata": {}, "posterFile": "none.png"}), "there is no file none.png"),
        (json!({"metadata": {}, "posterFile": "big.jpg"}), "big.jpg has more than 10 MB"),
        (json!({"metadata": {}, "posterFile": "page.png"}), "it is no picture"),
        (json!({"metadata": {}, "setPosterFromUrl": true}), "metadata.images.posters[0].url is required"),
        (json!({"metadata": {"images": {"posters": [{"url": "https://1.1.1.1/x"}]}}}), "setPosterFromUrl must be true"),
    ] {
        let mut arguments = arguments;
        arguments["ratingKey"] = SEEN.into();
        let (text, _) = client.fail("update_metadata_from_json", arguments.clone()).await;
        assert!(text.contains(says), "{arguments}: {text}");
    }
    for url in [
        "http://pictures.example.org/a.jpg",
        "https://127.0.0.1/a.jpg",
        "https://169.254.169.254/",
        "https://nas.local/a.jpg",
        "https://localhost:32400/a",
        "https://[::1]/",
        "https://2130706433/",
        "file:///etc/passwd",
        "https://u:p@example.org/",
    ] {
        let metadata = json!({"title": "X", "images": {"posters": [{"url": url}]}});
        let arguments = json!({"ratingKey": SEEN, "metadata": metadata, "setPosterFromUrl": true});
        let (text, error) = client.fail("update_metadata_from_json", arguments).await;
        assert_eq!(error["fields"], json!(["metadata.images.posters[0].url"]), "{url}: {text}");
    }
    assert_eq!(changes(&plex), [] as [&str; 0]);
    let arguments = json!({"ratingKey": SEEN, "metadata": {"title": "With Poster"}, "posterFile": "art/film.png"});
    let set = client.call("update_metadata_from_json", arguments).await;
    assert_eq!((&set["posterSet"], &set["appliedFields"]), (&json!(true), &json!(["title"])), "{set}");
    let posters = as_plex_json(&plex, "/library/metadata/1001/posters").await;
    assert_eq!((posters["size"].as_u64(), &posters["Metadata"][1]["selected"]), (Some(2), &json!(true)), "{posters}");
    let locked = item(&plex, SEEN).await["Field"].clone();
    assert_eq!(locked, json!([{"locked": true, "name": "thumb"}, {"locked": true, "name": "title"}]));
    let undone = undo(&client, &set).await;
    let posters = as_plex_json(&plex, "/library/metadata/1001/posters").await;
    assert_eq!(posters["Metadata"][0], before.1["Metadata"][0], "the old one is shown again");
    assert_eq!(stable(&plex, SEEN).await["title"], before.0["title"]);
    undo(&client, &undone).await;
    assert_eq!(as_plex_json(&plex, "/library/metadata/1001/posters").await["Metadata"][1]["selected"], true);
    client.close().await;
}

/// The posters of the film as the sample server has them.
async fn posters(plex: &SamplePlex) -> Vec<Value> {
    array(&as_plex_json(plex, "/library/metadata/1001/posters").await["Metadata"]).to_vec()
}

fn from_url(url: &str) -> Value {
    let metadata = json!({"title": "With Poster", "images": {"posters": [{"url": url}]}});
    json!({"ratingKey": SEEN, "metadata": metadata, "setPosterFromUrl": true})
}

/// A web server with pictures, and ways that lead elsewhere.
async fn pictures(elsewhere: String) -> Trouble {
    Trouble::start(move |seen| {
        let elsewhere = elsewhere.clone();
        async move {
            match seen.path.as_str() {
                "/film.png" => answer(200, "image/png", PNG),
                "/moved" => redirect(302, "/film.png"),
                "/again" => redirect(302, "/again"),
                "/private" => redirect(302, "https://169.254.169.254/latest/meta-data/"),
                "/inside" => redirect(302, &format!("{elsewhere}/film.png")),
                "/file" => redirect(302, "file:///etc/passwd"),
                "/page" => answer(200, "image/png", "<html>not a picture</html>"),
                "/long" => answer(200, "image/png", [PNG, &vec![0; 10 << 20]].concat()),
                // As long, but it does not say so beforehand.
                "/stream" => {
                    let pieces = (0..11).map(|_| Ok::<_, std::io::Error>([PNG, &vec![0; 1 << 20]].concat()));
                    answer(200, "image/png", Body::from_stream(futures_util::stream::iter(pieces)))
                }
                _ => answer(404, "text/plain", "nothing here"),
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_poster_comes_from_a_web_server_that_the_settings_name_and_from_nowhere_behind_it() {
    let (plex, mut home) = home(Options::default()).await;
    let inside = pictures(String::new()).await;
    let web = pictures(inside.url()).await;
    home.set("PLEX_POSTER_SERVERS", format!("https://nas.example, {}", web.url()));
    let client = home.connect().await;
    let before = (stable(&plex, SEEN).await, posters(&plex).await);
    for (path, says) in [
        ("/none", "the web server answered with HTTP status 404"),
        ("/page", "it is no picture"),
        ("/long", "the file has more than 10 MB"),
        ("/stream", "the file has more than 10 MB"),
        ("/again", "the web server redirects without end"),
        ("/private", "leads on to another address, which must name a public web server"),
        ("/inside", "leads on to another address, which must begin with https"),
        ("/file", "leads on to another address, which must begin with https"),
    ] {
        let (text, error) = client.fail("update_metadata_from_json", from_url(&format!("{}{path}", web.url()))).await;
        assert_eq!(error["code"], "bad_picture", "{path}: {text}");
        assert!(text.contains(says) && text.contains("nothing was changed"), "{path}: {text}");
    }
    assert_eq!(inside.count(), 0, "a server that is not named was asked");
    assert_eq!(changes(&plex), [] as [&str; 0], "without a picture the title is not changed either");

    let mut arguments = from_url(&format!("{}/moved", web.url()));
    arguments["dryRun"] = true.into();
    let asked = web.count();
    let dry_run = client.call("update_metadata_from_json", arguments).await;
    assert_eq!((&dry_run["posterSet"], web.count()), (&json!(false), asked), "a dry run fetches nothing: {dry_run}");

    let set = client.call("update_metadata_from_json", from_url(&format!("{}/moved", web.url()))).await;
    assert_eq!((&set["posterSet"], &set["updated"]), (&json!(true), &json!(true)), "{set}");
    assert!(set["summary"].as_str().unwrap().contains("the poster from \"127.0.0.1\""), "{set}");
    let now = posters(&plex).await;
    assert_eq!((now.len(), &now[1]["selected"]), (2, &json!(true)), "{now:?}");
    assert!(web.requests().iter().all(|request| !request.headers.contains_key("x-plex-token")), "the token stays here");
    undo(&client, &set).await;
    assert_eq!(stable(&plex, SEEN).await, before.0);
    assert_eq!(posters(&plex).await[0], before.1[0], "the old one is shown again");
    client.close().await;
}

#[tokio::test]
async fn the_same_picture_once_more_is_shown_and_makes_no_second_poster() {
    let (plex, home) = home(Options::default()).await;
    std::fs::create_dir_all(home.exports()).unwrap();
    std::fs::write(home.exports().join("film.png"), PNG).unwrap();
    let client = home.connect().await;
    let poster = json!({"ratingKey": SEEN, "metadata": {}, "posterFile": "film.png"});
    let first = client.call("update_metadata_from_json", poster.clone()).await;
    // While it is shown, and when another one is.
    let again = client.call("update_metadata_from_json", poster.clone()).await;
    assert_eq!(again["posterSet"], true, "{again}");
    undo(&client, &first).await;
    assert_eq!(posters(&plex).await[0]["selected"], true);
    let back = client.call("update_metadata_from_json", poster).await;
    assert_eq!(back["posterSet"], true, "{back}");
    let now = posters(&plex).await;
    assert_eq!((now.len(), &now[1]["selected"]), (2, &json!(true)), "{now:?}");
    undo(&client, &back).await;
    assert_eq!(posters(&plex).await[0]["selected"], true);
    client.close().await;
}

#[tokio::test]
async fn a_web_server_of_ones_own_is_trusted_by_its_authority_and_a_wrong_setting_is_called_out() {
    let (root, ca) = authority();
    let (signed, key) = certificate(&["localhost"], Some(&ca));
    let listener = TlsListener::bind(&signed, &key).await;
    let web = Trouble::on(listener, async |_| answer(200, "image/png", PNG));
    let url = format!("https://localhost:{}", web.address.port());
    let (plex, mut home) = home(Options::default()).await;
    home.set("PLEX_POSTER_SERVERS", &url);
    let client = home.connect().await;
    let (text, error) = client.fail("update_metadata_from_json", from_url(&url)).await;
    assert_eq!((&error["code"], web.count()), (&json!("bad_picture"), 0), "{text}");
    assert!(text.contains("nobody that is trusted has signed it"), "{text}");
    client.close().await;

    std::fs::write(home.path("ca.pem"), root.pem()).unwrap();
    home.set("PLEX_CA_FILE", home.path("ca.pem").to_str().unwrap());
    let client = home.connect().await;
    let set = client.call("update_metadata_from_json", from_url(&url)).await;
    assert_eq!((&set["posterSet"], posters(&plex).await.len()), (&json!(true), 2), "{set}");
    client.close().await;

    home.set("PLEX_POSTER_SERVERS", format!("{url}/posters"));
    let client = home.connect().await;
    let (text, error) = client.fail("update_metadata_from_json", from_url(&url)).await;
    assert_eq!(error["code"], "not_configured", "{text}");
    assert!(text.contains("PLEX_POSTER_SERVERS can't be used: it must hold no path"), "{text}");
    client.call("update_metadata_from_json", json!({"ratingKey": SEEN, "metadata": {"title": "No Poster"}})).await;
    client.close().await;
}
