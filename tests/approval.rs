//! Approvals, through the real binary: where the policy asks, nothing happens until a person has said yes, to this call and
//! to things as they stand, and then it happens once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test fails by panicking"
)]

mod support;

use futures_util::future::join_all;
use plex_mcp::demo::{Options, SampleLibrary, SamplePlex};
use plex_mcp::guard::{Decision, Outcome, Row};
use rmcp::{
    ClientHandler, RoleClient, ServiceExt as _,
    model::{
        CallToolRequestParams, CallToolResult, ClientCapabilities, ClientConfig, ElicitRequestParams, ElicitResult,
        ElicitationAction, ElicitationCapability, Implementation, ReadResourceRequestParams,
    },
    service::{RequestContext, RunningService},
    transport::TokioChildProcess,
};
use serde_json::{Map, Value, json};
use std::{
    process::Stdio,
    sync::{Arc, Mutex},
    time::Duration,
};
use support::{Home, Raw, home, text, trouble};
use tokio::sync::watch;

/// Writes ask, and two of them fit into an hour.
const ASKS: &str = "version = \"1\"\ndefault = \"allow\"\n[kinds.write]\naction = \"ask\"\n\
                    [tools.export_library]\nlimits = [{ counter = \"exports\", window = \"hour\", max = 2 }]\n";
const OUT_OF_BAND: &str =
    "version = \"1\"\ndefault = \"allow\"\n[kinds.write]\naction = \"ask\"\napproval = \"out_of_band\"\n";

fn movies(movies: u64) -> Options {
    Options { library: SampleLibrary { movies, ..SampleLibrary::default() }, ..Options::default() }
}

async fn asking(policy: &str) -> (SamplePlex, Home) {
    let (plex, home) = home(movies(3)).await;
    home.policy(policy);
    (plex, home)
}

fn export() -> Value {
    json!({"libraryKey": "1", "outputPath": "films.json"})
}

fn films(name: &str) -> Value {
    json!({"libraryKey": "1", "outputPath": name})
}

fn yes() -> ElicitResult {
    ElicitResult::new(ElicitationAction::Accept).with_content(json!({"approve": true}))
}

type Answers = Arc<dyn Fn(String) -> futures_util::future::BoxFuture<'static, ElicitResult> + Send + Sync>;

/// A client whose user answers as the test says, and that remembers what was asked.
#[derive(Clone)]
struct User {
    asked: Arc<Mutex<Vec<String>>>,
    answers: Answers,
}

impl ClientHandler for User {
    fn get_info(&self) -> ClientConfig {
        let mut can = ClientCapabilities::default();
        can.elicitation = Some(ElicitationCapability::default());
        ClientConfig::new(can, Implementation::new("user", "1"))
    }

    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, rmcp::ErrorData> {
        let ElicitRequestParams::FormElicitationParams { message, requested_schema, .. } = request else { panic!() };
        let schema = serde_json::to_value(requested_schema).unwrap();
        assert_eq!(schema["properties"]["approve"]["type"], "boolean");
        assert_eq!(schema["properties"]["approve"]["default"], false, "no is the default");
        assert_eq!(schema["required"], json!(["approve"]));
        self.asked.lock().unwrap().push(message.clone());
        Ok((self.answers)(message).await)
    }
}

struct Asked {
    service: RunningService<RoleClient, User>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Asked {
    async fn connect(home: &Home, answer: impl Fn() -> ElicitResult + Send + Sync + 'static) -> Self {
        Self::slowly(home, Arc::new(move |_| Box::pin(std::future::ready(answer())))).await
    }

    async fn slowly(home: &Home, answers: Answers) -> Self {
        let (transport, _) = TokioChildProcess::builder(home.command()).stderr(Stdio::null()).spawn().unwrap();
        let user = User { asked: Arc::default(), answers };
        let asked = Arc::clone(&user.asked);
        Self { service: user.serve(transport).await.unwrap(), asked }
    }

    async fn call(&self, tool: &str, arguments: Value) -> CallToolResult {
        let arguments: Map<String, Value> = serde_json::from_value(arguments).unwrap();
        self.service.call_tool(CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments)).await.unwrap()
    }

    async fn works(&self, tool: &str, arguments: Value) -> Value {
        let result = self.call(tool, arguments).await;
        assert_ne!(result.is_error, Some(true), "{}", text(&result));
        result.structured_content.unwrap()
    }

    async fn fails(&self, tool: &str, arguments: Value) -> (String, Value) {
        let result = self.call(tool, arguments).await;
        assert_eq!(result.is_error, Some(true), "{}", text(&result));
        (text(&result), result.structured_content.unwrap())
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    async fn close(self) {
        self.service.cancel().await.unwrap();
    }
}

async fn last(home: &Home) -> Row {
    home.rows().await.pop().unwrap()
}

async fn waiting(home: &Home) -> Vec<Value> {
    let listed = home.run(&["approvals", "--json"]).await;
    assert_eq!(listed.code, 0, "{listed:?}");
    serde_json::from_str(&listed.stdout).unwrap()
}

#[tokio::test]
async fn a_call_that_asks_goes_on_when_the_user_says_yes_and_is_told_what_it_does() {
    let (_plex, home) = asking(ASKS).await;
    let client = Asked::connect(&home, yes).await;
    let exported = client.works("export_library", export()).await;
    assert_eq!((&exported["totalExported"], home.exported("films.json").len()), (&json!(3), 3));
    let asked = client.asked();
    assert_eq!(asked.len(), 1);
    let lines: Vec<&str> = asked[0].lines().collect();
    assert_eq!(lines[0], "An agent (grant \"default\") asks to run export_library:");
    assert_eq!(lines[2], "Export 3 items of the library \"Movies\" to films.json");
    for line in ["Library: \"Movies\"", "Items: 3", "export.path: \"films.json\"", "plex-mcp can't undo it by itself."]
    {
        assert!(lines.contains(&line), "{line}: {asked:?}");
    }
    let row = last(&home).await;
    assert_eq!((row.decision, row.outcome), (Decision::Approved, Some(Outcome::Ok)));
    assert_eq!(row.rule.as_deref(), Some("/kinds/write/action"));
    assert!(row.note.unwrap().starts_with("approval "), "it names its approval");
    assert_eq!(home.rows().await.len(), 1);
    assert_eq!(waiting(&home).await, Vec::<Value>::new(), "it is used up");
    client.close().await;
}

#[tokio::test]
async fn whatever_is_not_a_yes_has_no_effect_takes_nothing_and_leaves_one_row() {
    let (_plex, home) = asking(ASKS).await;
    let accepted = |content: Value| ElicitResult::new(ElicitationAction::Accept).with_content(content);
    for (said, code, decision) in [
        (ElicitResult::new(ElicitationAction::Decline), "approval_declined", Decision::Declined),
        (ElicitResult::new(ElicitationAction::Cancel), "approval_declined", Decision::Declined),
        (accepted(json!({"approve": false})), "approval_declined", Decision::Declined),
        (accepted(json!({"approve": "yes"})), "approval_required", Decision::Ask),
        (accepted(json!({})), "approval_required", Decision::Ask),
        (ElicitResult::new(ElicitationAction::Accept), "approval_required", Decision::Ask),
        (
            ElicitResult::new(ElicitationAction::Decline).with_content(json!({"approve": true})),
            "approval_declined",
            Decision::Declined,
        ),
    ] {
        let before = home.rows().await.len();
        let shown = format!("{said:?}");
        let client = Asked::connect(&home, move || said.clone()).await;
        let (told, refused) = client.fails("export_library", export()).await;
        assert!(told.starts_with("[POLICY DENIED] "), "{told}");
        assert_eq!((&refused["code"], &refused["rule"]), (&json!(code), &json!("/kinds/write/action")), "{shown}");
        assert_eq!(client.asked().len(), 1);
        client.close().await;
        let rows = home.rows().await;
        let row = rows.last().unwrap();
        assert_eq!((rows.len(), row.decision, row.outcome), (before + 1, decision, None), "{shown}");
        assert!(!home.exports().join("films.json").exists(), "{shown}");
        assert_eq!(waiting(&home).await, Vec::<Value>::new(), "{shown}");
    }
    // None of them took anything of the two an hour; and when those are gone no one is asked in vain.
    let client = Asked::connect(&home, yes).await;
    for name in ["a.json", "b.json"] {
        client.works("export_library", films(name)).await;
    }
    assert_eq!(client.fails("export_library", films("c.json")).await.1["code"], "limit");
    assert_eq!(client.asked().len(), 2);
    client.close().await;
}

/// A way to one of two sample servers that hold different libraries, which the test switches.
async fn switch(first: &SamplePlex, second: &SamplePlex) -> (trouble::Trouble, watch::Sender<bool>) {
    let (turned, turns) = watch::channel(false);
    let (first, second) = (first.url(), second.url());
    let way = trouble::Trouble::start(move |seen| {
        let to = if *turns.borrow() { second.clone() } else { first.clone() };
        async move { trouble::forward(&to, "", &seen).await }
    });
    (way.await, turned)
}

async fn switched(policy: &str) -> ((SamplePlex, SamplePlex, trouble::Trouble), Home, watch::Sender<bool>) {
    let (first, mut home) = home(movies(3)).await;
    let second = SamplePlex::start(Options { token: support::TOKEN.into(), ..movies(4) }).await.unwrap();
    let (way, turned) = switch(&first, &second).await;
    home.url = way.url();
    home.policy(policy);
    ((first, second, way), home, turned)
}

#[tokio::test]
async fn what_changed_while_the_user_thought_is_asked_anew_and_then_given_up() {
    let (_servers, home, turned) = switched(ASKS).await;
    // Once: the second question is about what there is by then.
    let turn = turned.clone();
    let client = Asked::connect(&home, move || {
        turn.send_replace(true);
        yes()
    })
    .await;
    let exported = client.works("export_library", export()).await;
    assert_eq!(exported["totalExported"], 4);
    let asked = client.asked();
    assert!(asked[0].contains("Export 3 items") && asked[1].contains("Export 4 items"), "{asked:?}");
    assert_eq!(asked.len(), 2);
    client.close().await;
    assert_eq!(home.rows().await.len(), 1);

    // Each time: it is never done.
    let turn = turned.clone();
    let client = Asked::connect(&home, move || {
        turn.send_modify(|now| *now = !*now);
        yes()
    })
    .await;
    let (_, refused) = client.fails("export_library", films("never.json")).await;
    assert_eq!((&refused["code"], client.asked().len()), (&json!("approval_expired"), 3));
    client.close().await;
    let rows = home.rows().await;
    assert_eq!((rows.len(), rows[1].decision, rows[1].outcome), (2, Decision::Ask, None));
    assert_eq!(home.files(), ["films.json"]);
    assert_eq!(waiting(&home).await, Vec::<Value>::new());
}

/// Rates an item behind the server's back.
async fn rate(url: &str, key: &str, rating: u32) {
    let rate = format!("{url}/:/rate?identifier=com.plexapp.plugins.library&key={key}&rating={rating}");
    let rated = reqwest::Client::new().put(rate).header("X-Plex-Token", support::TOKEN).send().await.unwrap();
    assert!(rated.status().is_success(), "{rated:?}");
}

#[tokio::test]
async fn a_rating_that_someone_else_changed_meanwhile_is_asked_about_anew() {
    let (plex, home) = asking("version = \"1\"\ndefault = \"allow\"\n[kinds.destructive]\naction = \"ask\"\n").await;
    let free = home.connect().await;
    let films = free.call("get_library_items", json!({"libraryKey": "1", "limit": 1})).await;
    let key = films["items"][0]["ratingKey"].as_str().unwrap().to_owned();
    free.close().await;
    rate(&plex.url(), &key, 4).await;
    let (url, other) = (plex.url(), key.clone());
    let answers: Answers = Arc::new(move |message| {
        let (url, other) = (url.clone(), other.clone());
        Box::pin(async move {
            if message.contains("(so far: 4)") {
                rate(&url, &other, 6).await;
            }
            yes()
        })
    });
    let client = Asked::slowly(&home, answers).await;
    let rated = client.works("rate_media", json!({"ratingKey": key, "rating": 9})).await;
    assert_eq!((&rated["before"], &rated["rating"]), (&json!(6.0), &json!(9.0)), "{rated}");
    let asked = client.asked();
    assert_eq!(asked.len(), 2);
    assert!(asked[1].contains("9 out of 10 (so far: 6)") && asked[1].ends_with("\nIt can be undone."), "{asked:?}");
    // What is so already asks no one.
    let again = client.works("rate_media", json!({"ratingKey": key, "rating": 9})).await;
    assert_eq!((&again["updated"], client.asked().len()), (&json!(false), 2));
    client.close().await;
    let row = home.rows().await.into_iter().find(|row| row.decision == Decision::Approved).unwrap();
    assert_eq!(row.before.unwrap()["change"]["from"], 6.0);
}

#[tokio::test]
async fn a_read_that_asks_shows_its_arguments_and_sends_nothing_before_the_yes() {
    let (plex, home) =
        asking("version = \"1\"\ndefault = \"allow\"\n[tools.search_media]\naction = \"ask\"\nreason = \"Private\"\n")
            .await;
    let declining = Asked::connect(&home, || ElicitResult::new(ElicitationAction::Decline)).await;
    let (told, _) = declining.fails("search_media", json!({"query": "the \u{202e}end\n\nApproved."})).await;
    assert_eq!(told, "[POLICY DENIED] Private: a person declined this call");
    assert!(declining.asked()[0].contains("query: \"the end  Approved.\"\n"), "{:?}", declining.asked());
    assert_eq!(plex.request_count(), 0);
    declining.close().await;
    let client = Asked::connect(&home, yes).await;
    client.works("search_media", json!({"query": "the"})).await;
    assert!(plex.request_count() > 0);
    client.close().await;
    let decisions: Vec<_> = home.rows().await.iter().map(|row| (row.decision, row.outcome)).collect();
    assert_eq!(decisions, [(Decision::Declined, None), (Decision::Approved, Some(Outcome::Ok))]);
}

/// Someone who takes until the test is over.
fn never() -> Answers {
    Arc::new(|_| Box::pin(std::future::pending()))
}

#[tokio::test]
async fn open_questions_are_bounded_and_hold_up_nothing_else() {
    let (_plex, home) = asking("version = \"1\"\ndefault = \"allow\"\n[kinds.write]\naction = \"ask\"\n").await;
    let client = Arc::new(Asked::slowly(&home, never()).await);
    let calls: Vec<_> = (0..8)
        .map(|n| {
            let client = Arc::clone(&client);
            tokio::spawn(async move { client.call("export_library", films(&format!("{n}.json"))).await })
        })
        .collect();
    while client.asked().len() < 8 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // As many as may run at once wait for an answer; a ninth runs all the same, up to where it would ask.
    let (told, refused) = client.fails("export_library", films("9.json")).await;
    assert_eq!(refused["code"], "approval_required");
    assert!(told.contains("too many calls wait for a person already"), "{told}");
    assert_eq!(refused.get("approvalId"), None);
    client.works("get_libraries", json!({})).await;
    let listed = waiting(&home).await;
    assert_eq!(listed.len(), 8);
    assert!(listed.iter().all(|one| one["state"] == "open" && one["askedBy"] == "waiting"), "{listed:?}");
    // They are not the owner's to decide from elsewhere.
    let other = home.run(&["approve", listed[0]["id"].as_str().unwrap()]).await;
    assert_eq!(other.code, 1, "{other:?}");
    for call in calls {
        call.abort();
        let _ = call.await;
    }
    Arc::into_inner(client).unwrap_or_else(|| panic!("the calls are gone")).close().await;
    let rows = home.rows().await;
    assert_eq!(rows.iter().filter(|row| row.decision == Decision::Ask).count(), 9, "{rows:?}");
    assert_eq!(home.files(), Vec::<String>::new());
    assert_eq!(waiting(&home).await, Vec::<Value>::new(), "what ended asks no more");
}

/// The lines of a client of a protocol that asks by requests.
async fn old(home: &Home) -> Raw {
    let mut raw = home.raw();
    let params = json!({
        "protocolVersion": "2025-06-18", "capabilities": {"elicitation": {}},
        "clientInfo": {"name": "raw test", "version": "1"},
    });
    raw.request("initialize", params).await;
    raw.send(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).await;
    raw
}

async fn question(raw: &mut Raw) -> Value {
    loop {
        let line = raw.line().await.unwrap();
        if line["method"] == "elicitation/create" {
            return line["id"].clone();
        }
    }
}

fn answer(id: &Value, result: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": id, "result": result}).to_string()
}

#[tokio::test]
async fn a_yes_that_comes_late_twice_or_to_nothing_does_nothing() {
    let (_plex, home) = asking(ASKS).await;
    let mut raw = old(&home).await;
    let accept = json!({"action": "accept", "content": {"approve": true}});
    // To no question at all.
    raw.send(&answer(&json!(0), &accept)).await;
    raw.send(&answer(&json!("made-up"), &accept)).await;
    // After the call was given up.
    let call = raw.begin("tools/call", json!({"name": "export_library", "arguments": export()})).await;
    let asked = question(&mut raw).await;
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": call}});
    raw.send(&cancel.to_string()).await;
    while home.rows().await.is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    raw.send(&answer(&asked, &accept)).await;
    raw.request("tools/list", json!({})).await;
    let row = last(&home).await;
    assert_eq!((row.decision, row.outcome), (Decision::Ask, Some(Outcome::Cancelled)));
    assert_eq!(home.files(), Vec::<String>::new());
    // Twice, and a no after the yes: once done, it is done once.
    let call = raw.begin("tools/call", json!({"name": "export_library", "arguments": export()})).await;
    let asked = question(&mut raw).await;
    for said in [&accept, &accept, &json!({"action": "decline"})] {
        raw.send(&answer(&asked, said)).await;
    }
    assert_eq!(raw.answer(call).await["result"]["structuredContent"]["totalExported"], 3);
    // A no and then a yes.
    let call = raw.begin("tools/call", json!({"name": "export_library", "arguments": films("no.json")})).await;
    let asked = question(&mut raw).await;
    for said in [&json!({"action": "decline"}), &accept] {
        raw.send(&answer(&asked, said)).await;
    }
    assert_eq!(raw.answer(call).await["result"]["structuredContent"]["code"], "approval_declined");
    // An error, and what is no result of a question at all.
    for said in [
        json!({"jsonrpc": "2.0", "error": {"code": -1, "message": "no"}}),
        json!({"jsonrpc": "2.0", "result": {"action": "perhaps"}}),
        json!({"jsonrpc": "2.0", "result": {}}),
    ] {
        let call = raw.begin("tools/call", json!({"name": "export_library", "arguments": films("no.json")})).await;
        let mut said = said;
        said["id"] = question(&mut raw).await;
        raw.send(&said.to_string()).await;
        let answered = raw.answer(call).await;
        assert_eq!(answered["result"]["structuredContent"]["code"], "approval_required", "{said}: {answered}");
    }
    raw.close().await;
    assert_eq!(home.files(), ["films.json"]);
    assert_eq!(home.rows().await.len(), 6);
    assert_eq!(waiting(&home).await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_client_that_leaves_while_it_is_asked_leaves_one_row_and_no_effect() {
    let (_plex, home) = asking(ASKS).await;
    let mut raw = old(&home).await;
    raw.begin("tools/call", json!({"name": "export_library", "arguments": export()})).await;
    question(&mut raw).await;
    raw.close().await;
    let rows = home.rows().await;
    assert_eq!((rows.len(), rows[0].decision), (1, Decision::Ask), "{rows:?}");
    assert_eq!(home.files(), Vec::<String>::new());
    assert_eq!(waiting(&home).await, Vec::<Value>::new());
}

/// A call by the protocol that has no requests to clients.
async fn modern(raw: &mut Raw, arguments: &Value, state: Option<&Value>, said: Option<&Value>) -> Value {
    modern_call(raw, "export_library", arguments, state, said).await
}

async fn modern_call(
    raw: &mut Raw,
    tool: &str,
    arguments: &Value,
    state: Option<&Value>,
    said: Option<&Value>,
) -> Value {
    let namespace = "io.modelcontextprotocol/";
    let mut params = json!({"name": tool, "arguments": arguments});
    params["_meta"] = json!({
        format!("{namespace}protocolVersion"): "2026-07-28",
        format!("{namespace}clientInfo"): {"name": "raw test", "version": "1"},
        format!("{namespace}clientCapabilities"): {"elicitation": {"form": {}}},
    });
    if let Some(state) = state {
        params["requestState"] = state.clone();
    }
    if let Some(said) = said {
        params["inputResponses"] = json!({"approve": said});
    }
    let answer = raw.request("tools/call", params).await;
    assert!(answer.get("error").is_none(), "{answer}");
    answer["result"].clone()
}

fn accept() -> Value {
    json!({"action": "accept", "content": {"approve": true}})
}

/// The state of a question that came as an answer.
fn asked(result: &Value) -> Value {
    assert_eq!(result["resultType"], "input_required", "{result}");
    let question = &result["inputRequests"]["approve"];
    assert_eq!(question["method"], "elicitation/create");
    assert!(question["params"]["message"].as_str().unwrap().contains("items of the library \"Movies\""), "{result}");
    assert!(!result.to_string().contains(support::TOKEN));
    result["requestState"].clone()
}

fn code(result: &Value) -> &str {
    assert_eq!(result["isError"], true, "{result}");
    result["structuredContent"]["code"].as_str().unwrap()
}

#[tokio::test]
async fn a_sealed_question_is_answered_once() {
    let (_plex, home) = asking(ASKS).await;
    let mut raw = home.raw();
    let state = asked(&modern(&mut raw, &export(), None, None).await);
    assert_eq!(home.files(), Vec::<String>::new());
    let done = modern(&mut raw, &export(), Some(&state), Some(&accept())).await;
    assert_eq!(done["structuredContent"]["totalExported"], 3, "{done}");
    std::fs::remove_file(home.exports().join("films.json")).unwrap();
    for said in [accept(), json!({"action": "decline"}), accept()] {
        let replayed = modern(&mut raw, &export(), Some(&state), Some(&said)).await;
        assert!(["approval_expired", "approval_declined"].contains(&code(&replayed)), "{replayed}");
    }
    // Said no first: a yes with the same state comes too late.
    let state = asked(&modern(&mut raw, &export(), None, None).await);
    let declined = modern(&mut raw, &export(), Some(&state), Some(&json!({"action": "decline"}))).await;
    assert_eq!(code(&declined), "approval_declined");
    assert_eq!(code(&modern(&mut raw, &export(), Some(&state), Some(&accept())).await), "approval_expired");
    raw.close().await;
    assert_eq!(home.files(), Vec::<String>::new());
    let decisions: Vec<_> = home.rows().await.iter().map(|row| row.decision).collect();
    let (ask, approved, declined) = (Decision::Ask, Decision::Approved, Decision::Declined);
    assert_eq!(decisions, [ask, approved, ask, declined, ask, ask, declined, ask]);
}

#[tokio::test]
async fn a_state_that_was_altered_forged_or_given_for_another_call_does_nothing() {
    let (_plex, mut home) = asking(ASKS).await;
    let mut raw = home.raw();
    let state = asked(&modern(&mut raw, &export(), None, None).await);
    let sealed = state.as_str().unwrap();
    let mut forged = vec![json!(""), json!("x"), json!("rs1.e30.e30"), json!("a".repeat(100_000))];
    for place in [4, sealed.len() / 2, sealed.len() - 2] {
        let mut bytes = sealed.as_bytes().to_vec();
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        forged.push(json!(String::from_utf8(bytes).unwrap()));
    }
    for state in &forged {
        let refused = modern(&mut raw, &export(), Some(state), Some(&accept())).await;
        assert_eq!(code(&refused), "approval_required", "{state}");
        let shown = refused["content"][0]["text"].as_str().unwrap();
        assert!(shown.contains("not one that this server asked for"), "{shown}");
    }
    // Said of other arguments it is a question about those.
    for other in [
        films("other.json"),
        json!({"libraryKey": "1"}),
        json!({"libraryKey": "1", "outputPath": "films.json", "overwrite": true}),
    ] {
        let again = asked(&modern(&mut raw, &other, Some(&state), Some(&accept())).await);
        assert_ne!(again, state);
    }
    // What says neither yes nor no.
    for said in [
        json!(true),
        json!({}),
        json!({"action": "accept"}),
        json!({"action": "accept", "content": {"approve": "true"}}),
    ] {
        let state = asked(&modern(&mut raw, &export(), None, None).await);
        assert_eq!(code(&modern(&mut raw, &export(), Some(&state), Some(&said)).await), "approval_required", "{said}");
        assert_eq!(code(&modern(&mut raw, &export(), Some(&state), Some(&accept())).await), "approval_expired");
    }
    // Nothing said at all: it is asked again.
    let state = asked(&modern(&mut raw, &export(), None, None).await);
    let state = asked(&modern(&mut raw, &export(), Some(&state), None).await);
    raw.close().await;
    // Under another grant.
    home.set("PLEX_GRANT", "kitchen");
    let mut raw = home.raw();
    assert_eq!(code(&modern(&mut raw, &export(), Some(&state), Some(&accept())).await), "approval_required");
    raw.close().await;
    home.env.clear();
    // Under another policy.
    home.policy(&format!("{ASKS}# changed\n"));
    let mut raw = home.raw();
    asked(&modern(&mut raw, &export(), Some(&state), Some(&accept())).await);
    raw.close().await;
    assert_eq!(home.files(), Vec::<String>::new());
    assert!(home.rows().await.iter().all(|row| row.decision == Decision::Ask));
}

#[tokio::test]
async fn a_state_outlives_its_server_and_of_many_servers_one_uses_it() {
    let (_plex, home) = asking("version = \"1\"\ndefault = \"allow\"\n[kinds.write]\naction = \"ask\"\n").await;
    let mut raw = home.raw();
    let state = asked(&modern(&mut raw, &export(), None, None).await);
    raw.close().await;
    let mut servers: Vec<Raw> = (0..6).map(|_| home.raw()).collect();
    let arguments = export();
    let (said, state) = (accept(), &state);
    let done = join_all(servers.iter_mut().map(|raw| modern(raw, &arguments, Some(state), Some(&said)))).await;
    let passed = done.iter().filter(|result| result["structuredContent"]["exported"] == true).count();
    assert_eq!(passed, 1, "{done:?}");
    let rows = home.rows().await;
    assert_eq!(rows.iter().filter(|row| row.decision == Decision::Approved).count(), 1);
    assert_eq!(rows.len(), 7);
    for raw in servers {
        raw.close().await;
    }
    assert_eq!(home.files(), ["films.json"]);
}

#[tokio::test]
async fn what_changed_between_question_and_answer_is_asked_anew() {
    let (_servers, home, turned) = switched(ASKS).await;
    let mut raw = home.raw();
    let state = asked(&modern(&mut raw, &export(), None, None).await);
    turned.send_replace(true);
    let again = modern(&mut raw, &export(), Some(&state), Some(&accept())).await;
    assert!(again["inputRequests"]["approve"]["params"]["message"].as_str().unwrap().contains("Export 4 items"));
    let newer = asked(&again);
    turned.send_replace(false);
    // The first question is closed, even if things stand again as they did.
    assert_eq!(code(&modern(&mut raw, &export(), Some(&state), Some(&accept())).await), "approval_expired");
    turned.send_replace(true);
    let done = modern(&mut raw, &export(), Some(&newer), Some(&accept())).await;
    assert_eq!(done["structuredContent"]["totalExported"], 4, "{done}");
    raw.close().await;
}

#[tokio::test]
async fn get_policy_tells_how_a_call_that_asks_is_approved() {
    let by = |policy: &Value, tool: &str| {
        let tools = policy["tools"].as_array().unwrap();
        tools.iter().find(|row| row["name"] == tool).unwrap()["approvedBy"].clone()
    };
    let ways = |policy: &Value| -> Vec<Value> {
        policy["approvals"].as_array().into_iter().flatten().map(|row| row["by"].clone()).collect()
    };
    let (_plex, home) =
        asking(&format!("{ASKS}[tools.rate_media]\napproval = \"out_of_band\"\naction = \"ask\"\n")).await;
    let (asks, asks_not) = (Asked::connect(&home, yes).await, home.connect().await);
    let policy = asks.works("get_policy", json!({})).await;
    assert_eq!((by(&policy, "export_library"), by(&policy, "rate_media")), (json!("client"), json!("command")));
    assert_eq!((by(&policy, "get_libraries"), ways(&policy)), (Value::Null, vec![json!("client"), json!("command")]));
    assert!(policy["approvals"][1]["how"].as_str().unwrap().contains("`plex-mcp approve ID`"), "{policy}");
    // The same as a resource.
    let read = asks.service.read_resource(ReadResourceRequestParams::new("plex://policy")).await.unwrap();
    let read = serde_json::to_value(&read.contents[0]).unwrap();
    let read: Value = serde_json::from_str(read["text"].as_str().unwrap()).unwrap();
    assert_eq!((by(&read, "export_library"), ways(&read)), (json!("client"), ways(&policy)), "{read}");
    let policy = asks_not.call("get_policy", json!({})).await;
    assert_eq!((by(&policy, "export_library"), ways(&policy)), (json!("command"), vec![json!("command")]));
    // As it then is.
    asks.works("export_library", export()).await;
    assert_eq!(asks.asked().len(), 1);
    id_of(&asks_not.fail("export_library", films("b.json")).await.1);
    id_of(&asks.fails("rate_media", json!({"ratingKey": "1000", "rating": 5})).await.1);
    assert_eq!(asks.asked().len(), 1);
    // By the newest protocol the client asks between two calls.
    let mut raw = home.raw();
    let told = modern_call(&mut raw, "get_policy", &json!({}), None, None).await;
    assert_eq!(by(&told["structuredContent"], "export_library"), "client", "{told}");
    raw.close().await;
    asks.close().await;
    asks_not.close().await;
    let (code, shown, _) = at_a_terminal(&home, &["call", "get_policy"], "").await;
    assert_eq!(code, 0);
    assert_eq!(ways(&serde_json::from_str(&shown).unwrap()), ["terminal"]);
    home.policy(support::OPEN);
    let client = home.connect().await;
    assert_eq!(client.call("get_policy", json!({})).await.get("approvals"), None, "nothing asks");
    client.close().await;
}

#[tokio::test]
async fn an_argument_never_counts_as_approval() {
    let (_plex, home) = asking(OUT_OF_BAND).await;
    let client = home.connect().await;
    for key in ["approve", "approved", "confirm", "approvalId", "requestState"] {
        let mut arguments = export();
        arguments[key] = json!(true);
        assert_eq!(client.fail("export_library", arguments).await.1["code"], "invalid_argument", "{key}");
    }
    client.close().await;
    assert_eq!(home.files(), Vec::<String>::new());
}

/// The name under which a refused call waits for its owner.
fn id_of(refused: &Value) -> String {
    assert_eq!(refused["code"], "approval_required", "{refused}");
    refused["approvalId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn without_a_way_to_ask_the_owner_approves_from_the_command_line_and_the_same_call_passes_once() {
    let (_plex, home) = asking(ASKS).await;
    let client = home.connect().await;
    let (told, refused) = client.fail("export_library", export()).await;
    let id = id_of(&refused);
    assert!(told.contains(&format!("`plex-mcp approve {id}`")), "{told}");
    assert!(!told.contains("films"), "no value of an argument: {told}");
    assert_eq!(id_of(&client.fail("export_library", export()).await.1), id, "it waits already");
    assert_ne!(id_of(&client.fail("export_library", films("b.json")).await.1), id);
    let listed = waiting(&home).await;
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0]["id"], json!(id));
    assert_eq!((&listed[0]["tool"], &listed[0]["grant"]), (&json!("export_library"), &json!("default")));
    assert_eq!((&listed[0]["askedBy"], &listed[0]["state"]), (&json!("owner"), &json!("open")));
    assert_eq!(listed[0]["summary"], "Export 3 items of the library \"Movies\" to films.json");
    assert!((590..=600).contains(&listed[0]["leftSeconds"].as_u64().unwrap()), "{listed:?}");
    let shown = home.run(&["approvals"]).await.stdout;
    assert!(shown.starts_with(&format!("{id}  export_library  waits for you, ")), "{shown}");

    let approved = home.run(&["approve", &id.to_uppercase()]).await;
    assert_eq!(approved.code, 0, "{approved:?}");
    assert!(approved.stdout.contains("Export 3 items of the library \"Movies\" to films.json\n"), "{approved:?}");
    assert!(approved.stdout.ends_with("approved: the same call passes once within 10 minutes, if nothing changed\n"));
    assert_eq!(home.run(&["approve", &id]).await.code, 1, "once is enough");
    assert_eq!(id_of(&client.fail("export_library", films("c.json")).await.1).len(), 11, "another call still asks");
    assert_eq!(client.call("export_library", export()).await["totalExported"], 3);
    let row = last(&home).await;
    assert_eq!((row.decision, row.note), (Decision::Approved, Some(format!("approval {id}"))));
    std::fs::remove_file(home.exports().join("films.json")).unwrap();
    assert_ne!(id_of(&client.fail("export_library", export()).await.1), id, "it is used up");
    client.close().await;
    let gone = home.run(&["approve", &id]).await;
    assert_eq!(gone.code, 1);
    assert!(gone.stderr.contains("no call waits under the name"), "{gone:?}");
    assert!(gone.stderr.contains(home.path("ledger.db").to_str().unwrap()), "it says where it looked: {gone:?}");
    assert_eq!(home.files(), Vec::<String>::new());
}

/// What a person was shown holds values of arguments, which the ledger is to keep no longer than the question.
#[tokio::test]
async fn what_was_asked_is_gone_from_the_ledgers_files_with_the_answer() {
    let (_plex, home) = asking(ASKS).await;
    let client = home.connect().await;
    let holds = || -> Vec<&str> {
        let files = ["ledger.db", "ledger.db-wal", "ledger.db-shm"].into_iter();
        let holds = |name: &&str| {
            let bytes = std::fs::read(home.path(name)).unwrap_or_default();
            bytes.windows(8).any(|part| part == b"a-secret")
        };
        files.filter(holds).collect()
    };
    let arguments = || json!({"libraryKey": "1", "outputPath": "a-secret.json"});
    let approved = id_of(&client.fail("export_library", arguments()).await.1);
    assert!(!holds().is_empty(), "while it waits");
    assert_eq!(home.run(&["approve", &approved]).await.code, 0);
    client.call("export_library", arguments()).await;
    client.close().await;
    assert_eq!(holds(), Vec::<&str>::new());
}

#[cfg(unix)]
fn owner_of(path: &std::path::Path) -> u32 {
    std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(path).unwrap())
}

#[tokio::test]
async fn out_of_band_no_client_is_asked_and_a_declined_call_stays_declined() {
    let (_plex, home) = asking(OUT_OF_BAND).await;
    let client = Asked::connect(&home, yes).await;
    let id = id_of(&client.fails("export_library", export()).await.1);
    assert_eq!(client.asked(), Vec::<String>::new());
    let declined = home.run(&["approve", "--decline", &id]).await;
    assert_eq!((declined.code, declined.stdout.contains("declined: ")), (0, true), "{declined:?}");
    for _ in 0..2 {
        let (told, refused) = client.fails("export_library", export()).await;
        assert_eq!((&refused["code"], &refused["rule"]), (&json!("approval_declined"), &json!("/kinds/write/action")));
        assert!(told.contains("the owner of this server declined this call"), "{told}");
        assert_eq!(last(&home).await.decision, Decision::Declined);
    }
    assert_eq!(home.run(&["approve", &id]).await.code, 1, "a no is not turned");
    // Who said no, and when, is in the ledger, and once.
    let shown = home.run(&["audit", "--tool", "approve", "--json"]).await.stdout;
    let words: Vec<Value> = shown.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(words.len(), 1, "{shown}");
    assert_eq!((&words[0]["decision"], &words[0]["grant"]), (&json!("declined"), &json!("default")));
    let note = words[0]["note"].as_str().unwrap();
    assert!(note.ends_with(&format!(" on approval {id} of export_library")), "{note}");
    #[cfg(unix)]
    assert!(note.starts_with(&format!("user {} ", owner_of(&home.path("ledger.db")))), "{note}");
    assert_eq!(home.run(&["audit", "verify"]).await.code, 0);
    rusqlite::Connection::open(home.path("ledger.db"))
        .unwrap()
        .execute_batch("UPDATE calls SET decision = 'approved' WHERE tool = 'approve'")
        .unwrap();
    let verified = home.run(&["audit", "verify"]).await;
    assert_eq!(verified.code, 1);
    assert!(verified.stdout.contains(&format!("altered: row {}", words[0]["seq"])), "{verified:?}");
    // By the newest protocol as well.
    let mut raw = home.raw();
    let refused = modern(&mut raw, &films("b.json"), None, None).await;
    id_of(&refused["structuredContent"]);
    raw.close().await;
    client.close().await;
    assert_eq!(home.files(), Vec::<String>::new());
}

#[tokio::test]
async fn what_the_owner_approved_is_of_things_as_they_stood_and_of_that_grant() {
    let (_servers, mut home, turned) = switched(OUT_OF_BAND).await;
    let client = home.connect().await;
    let id = id_of(&client.fail("export_library", export()).await.1);
    assert_eq!(home.run(&["approve", &id]).await.code, 0);
    turned.send_replace(true);
    let other = id_of(&client.fail("export_library", export()).await.1);
    assert_ne!(other, id);
    client.close().await;
    turned.send_replace(false);
    home.set("PLEX_GRANT", "kitchen");
    let kitchen = home.connect().await;
    assert_ne!(id_of(&kitchen.fail("export_library", export()).await.1), id);
    kitchen.close().await;
    home.env.clear();
    assert_eq!(home.files(), Vec::<String>::new());
    // As it stood again, it passes; of several servers at once through one.
    let calls: Vec<_> = (0..4)
        .map(|_| ["call", "export_library", "--args", "{\"libraryKey\": \"1\", \"outputPath\": \"films.json\"}"])
        .collect();
    let ends = join_all(calls.iter().map(|call| home.run(call))).await;
    assert_eq!(ends.iter().filter(|end| end.code == 0).count(), 1, "{ends:?}");
    // One that looks when the first is done finds the file, before it is asked about.
    let too_late = |end: &support::Finished| end.code == 1 && end.stderr.contains("exists already");
    assert!(ends.iter().all(|end| [0, 3].contains(&end.code) || too_late(end)), "{ends:?}");
    let of_call = |row: &&Row| row.tool == "export_library" && row.decision == Decision::Approved;
    let passed = home.rows().await.iter().filter(of_call).count();
    assert_eq!(passed, 1);
}

#[tokio::test]
async fn the_command_line_asks_out_of_band_where_no_one_sits_at_a_terminal() {
    let (_plex, home) = asking(ASKS).await;
    let call = ["call", "export_library", "--args", "{\"libraryKey\": \"1\"}"];
    let refused = home.run(&call).await;
    assert_eq!(refused.code, 3, "{refused:?}");
    let id = waiting(&home).await[0]["id"].as_str().unwrap().to_owned();
    assert!(refused.stderr.contains(&id), "{refused:?}");
    assert_eq!(home.run(&["approve", &id]).await.code, 0);
    // A second later, so that the file's made-up name is another.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let done = home.run(&call).await;
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!(home.files().len(), 1);
    assert_eq!(home.run(&call).await.code, 3);
}

/// A command with a terminal of its own for questions, where `typed` is typed once one is put. Gives its exit code, what it
/// wrote on standard output, and what stood on the terminal.
#[cfg(unix)]
async fn at_a_terminal(home: &Home, arguments: &[&str], typed: &'static str) -> (i32, String, String) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    use std::{
        fs::{File, OpenOptions},
        io::{Read as _, Write as _},
    };
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let terminal = ptsname(&controller, Vec::new()).unwrap().into_string().unwrap();
    let open = || OpenOptions::new().read(true).write(true).open(&terminal).unwrap();
    let mut command = home.command();
    command.args(arguments).stdin(open()).stderr(open()).stdout(Stdio::piped());
    let child = command.spawn().unwrap();
    // Its copies of the terminal would keep it from ending.
    drop(command);
    let mut screen = File::from(controller);
    let shown = tokio::task::spawn_blocking(move || {
        let (mut shown, mut buffer, mut answered) = (String::new(), [0; 4096], false);
        while let Ok(read @ 1..) = screen.read(&mut buffer) {
            shown.push_str(&String::from_utf8_lossy(&buffer[..read]));
            if !answered && shown.ends_with("[y/N] ") {
                answered = true;
                screen.write_all(typed.as_bytes()).unwrap();
            }
        }
        shown
    });
    let output = child.wait_with_output().await.unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap(), shown.await.unwrap())
}

#[cfg(unix)]
#[tokio::test]
async fn whoever_sits_at_a_terminal_is_asked_there_whatever_the_policy_says_of_clients() {
    for policy in [ASKS, OUT_OF_BAND] {
        let (_plex, home) = asking(policy).await;
        let call = ["call", "export_library", "--args", "{\"libraryKey\": \"1\", \"outputPath\": \"films.json\"}"];
        for no in ["\n", "n\n", "no\n", "yes please\n", "\u{4}"] {
            let (code, out, shown) = at_a_terminal(&home, &call, no).await;
            assert_eq!((code, out.as_str()), (3, ""), "{no:?}: {shown}");
            assert!(shown.contains("Export 3 items of the library \"Movies\" to films.json"), "{shown}");
            assert!(shown.contains("[POLICY DENIED] "), "{shown}");
            assert_eq!(last(&home).await.decision, Decision::Declined, "{no:?}");
        }
        assert_eq!(home.files(), Vec::<String>::new());
        let (code, out, shown) = at_a_terminal(&home, &call, "y\n").await;
        assert_eq!(code, 0, "{shown}");
        assert_eq!(serde_json::from_str::<Value>(&out).unwrap()["totalExported"], 3);
        let (code, _, shown) = at_a_terminal(&home, &["export", "Movies", "-o", "more.json"], "yes\n").await;
        assert_eq!(code, 0, "{shown}");
        assert_eq!(home.files(), ["films.json", "more.json"]);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn at_a_terminal_approving_shows_the_call_and_asks_once_more() {
    let (_plex, home) = asking(OUT_OF_BAND).await;
    let client = home.connect().await;
    let id = id_of(&client.fail("export_library", export()).await.1);
    let (code, out, _) = at_a_terminal(&home, &["approve", &id], "\n").await;
    assert_eq!((code, out.contains("Export 3 items"), out.contains("left as it was")), (0, true, true), "{out}");
    assert_eq!(id_of(&client.fail("export_library", export()).await.1), id);
    let (code, out, _) = at_a_terminal(&home, &["approve", &id], "y\n").await;
    assert_eq!((code, out.contains("approved: ")), (0, true), "{out}");
    client.call("export_library", export()).await;
    client.close().await;
}

#[tokio::test]
async fn neither_subcommand_makes_a_ledger() {
    let home = Home::at("http://127.0.0.1:9");
    for arguments in [["approvals", "--json"].as_slice(), &["approve", "abcde-fghjk"]] {
        let ended = home.run(arguments).await;
        assert_eq!(ended.code, 1, "{ended:?}");
        assert!(ended.stderr.contains("there is no ledger at"), "{ended:?}");
        assert!(!home.path("ledger.db").exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_another_make_asks_its_user() {
    let Ok(python) = std::env::var("PLEX_MCP_PYTHON") else {
        eprintln!("skipped: PLEX_MCP_PYTHON names no python with mcp 2.3.0");
        return;
    };
    let (_plex, home) = asking("version = \"1\"\ndefault = \"allow\"\n[kinds.write]\naction = \"ask\"\n").await;
    let said = support::run_python(&python, "approval_check.py", &home).await;
    assert!(said.contains("checks passed"), "{said}");
    let rows = home.rows().await;
    assert_eq!(rows.iter().filter(|row| row.decision == Decision::Approved).count(), 4);
    assert_eq!(rows.iter().filter(|row| row.decision == Decision::Declined).count(), 4);
}
