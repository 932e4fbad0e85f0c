use super::*;
use crate::guard::{Argument, Catalogue, ValueType, condition::Says, plan::Facts};
use serde_json::{Value, json};

fn argument(name: &str, takes: ValueType) -> Argument {
    Argument { name: name.to_owned(), takes, choices: Vec::new(), least: None, most: None, always: false }
}

pub(super) fn arguments(tool: &str) -> Vec<Argument> {
    let choices = ["movie", "show"].map(str::to_owned).to_vec();
    let kind = Argument { choices, ..argument("type", ValueType::Text) };
    let limit = Argument { least: Some(1), most: Some(200), always: true, ..argument("limit", ValueType::Integer) };
    match tool {
        "get_library_items" => vec![argument("libraryKey", ValueType::Text), kind, limit],
        "search_media" => vec![argument("query", ValueType::Text), limit],
        "export_library" => vec![
            Argument { always: true, ..argument("libraryKey", ValueType::Text) },
            kind,
            argument("outputPath", ValueType::Text),
            Argument { always: true, ..argument("overwrite", ValueType::Flag) },
            argument("keys", ValueType::List(Some(Box::new(ValueType::Text)))),
            argument("ratio", ValueType::Number),
            argument("filter", ValueType::Other),
        ],
        _ => Vec::new(),
    }
}

pub(super) fn load(text: &str) -> Result<Policy, Vec<String>> {
    Policy::parse(&format!("version = \"1\"\n{text}"), Catalogue::new(&SUBJECTS, arguments))
        .map_err(|errors| errors.0.iter().map(ToString::to_string).collect())
}

fn condition(path: &str, op: &str, value: &str) -> String {
    format!("{{ path = \"{path}\", op = \"{op}\", value = {value} }}")
}

/// The one fault of a condition of `export_library`.
fn fault(path: &str, op: &str, value: &str) -> String {
    let faults = load(&format!("tools.export_library.require = [{}]", condition(path, op, value))).unwrap_err();
    assert_eq!(faults.len(), 1, "{faults:?}");
    faults[0].clone()
}

#[test]
fn types_are_settled_when_the_policy_is_loaded() {
    for (path, op, value, expected) in [
        ("args.outputPath", "eq", "5", "`args.outputPath` is a text, which can't be compared with a whole number"),
        ("args.overwrite", "eq", "\"true\"", "is true or false, which can't be compared with a text"),
        ("args.limitt", "eq", "5", "there is no argument `args.limitt`; it is one of args.filter, args.keys"),
        ("args.outputpath", "eq", "\"x\"", "did you mean `args.outputPath`?"),
        ("item.libary", "eq", "\"x\"", "there is no fact `item.libary`; did you mean `item.library`?"),
        ("item.count", "eq", "\"5\"", "`item.count` is a whole number, which can't be compared with a text"),
        ("item.count", "lt", "5.5", "can't be compared with a number with a fraction"),
        ("item.library", "lt", "\"x\"", "`item.library` is a text, and `lt` is for numbers"),
        (
            "args.keys",
            "eq",
            "\"1\"",
            "`args.keys` is a list, and `eq` is for single values: `contains` looks for a member",
        ),
        ("args.keys", "contains", "1", "is a text, which can't be compared with a whole number"),
        ("args.filter", "contains", "\"x\"", "only `exists` can be asked of it"),
        ("args.overwrite", "regex", "\"x\"", "`regex` is for texts"),
        ("item.count", "contains", "5", "`contains` is for texts and lists"),
        ("args.ratio", "eq", "9007199254740993", "can't be compared with a whole number"),
        ("args.ratio", "eq", "nan", "must be a text, a number, true or false, not a number with a fraction"),
        ("args.outputPath", "in", "\"x\"", "must be a list, not a text"),
        ("args.outputPath", "in", "[\"x\", 5]", "can't be compared with a whole number"),
        ("args.outputPath", "eq", "[\"x\"]", "must be a text, a number, true or false, not a list"),
        ("args.outputPath", "exists", "\"x\"", "must be true or false, not a text"),
        ("args.outputPath", "like", "\"x\"", "`like` is not known; it is one of "),
        ("args.outputPath", "regex", "\"(\"", "is no regular expression: "),
        ("args.outputPath", "matches", "\"a)|(b\"", "is no regular expression: "),
        ("args.outputPath", "regex", "'(a{1000}){1000}'", "is too large a regular expression"),
    ] {
        let fault = fault(path, op, value);
        assert!(fault.contains(expected), "{path} {op} {value}: {fault}");
    }
    let missing = load("tools.export_library.deny_if = [{ path = \"args.keys\", op = \"contains\" }]").unwrap_err();
    assert_eq!(
        missing,
        ["line 2, column 33: /tools/export_library/deny_if/0: `value` is missing"],
        "every place but `exists` needs one"
    );
}

#[test]
fn a_condition_applies_to_the_tools_that_have_what_it_looks_at() {
    let policy = load(&format!(
        "default = \"allow\"\nall_tools.require = [{}, {}]",
        condition("args.limit", "lte", "50"),
        condition("item.library", "eq", "\"Movies\"")
    ))
    .unwrap();
    let rules = |tool| -> Vec<String> {
        policy.verdict("", tool).unwrap().conditions.iter().map(|condition| condition.rule.clone()).collect()
    };
    assert_eq!(rules("search_media"), ["/all_tools/require/0"]);
    assert_eq!(rules("get_library_items"), ["/all_tools/require/0"]);
    assert_eq!(rules("export_library"), ["/all_tools/require/1"]);
    assert_eq!(rules("get_libraries"), [""; 0]);

    let fact = condition("item.library", "eq", "\"Movies\"");
    for block in ["tools.search_media", "kinds.read", "grants.kid.kinds.read"] {
        let faults = load(&format!("{block}.deny_if = [{fact}]")).unwrap_err();
        assert!(faults.len() == 1 && faults[0].contains("only tools that change something state"), "{faults:?}");
    }
    let faults = load(&format!("kinds.read.require = [{}]", condition("args.overwrite", "eq", "true"))).unwrap_err();
    assert!(faults[0].contains("there is no argument `args.overwrite`"), "{faults:?}");
}

#[test]
fn rules_stand_in_the_order_of_the_blocks_and_of_the_text() {
    let path = |value| condition("args.outputPath", "contains", value);
    let policy = load(&format!(
        "[all_tools]\ndeny_if = [{0}]\n[kinds.write]\nrequire = [{0}]\n[services.plex]\ndeny_if = [{0}]\n\
         [tools.export_library]\ndeny_if = [{0}]\nrequire = [{0}, {0}]\n[grants.kid]\nrequire = [{0}]\n\
         [grants.kid.kinds.write]\nrequire = [{0}]\n[grants.kid.services.plex]\nrequire = [{0}]\n\
         [grants.kid.tools.export_library]\nrequire = [{0}]\n",
        path("\"a\"")
    ))
    .unwrap();
    let rules = |grant| -> Vec<String> {
        let verdict = policy.verdict(grant, "export_library").unwrap();
        verdict.conditions.iter().map(|condition| condition.rule.clone()).collect()
    };
    let general = [
        "/tools/export_library/deny_if/0",
        "/tools/export_library/require/0",
        "/tools/export_library/require/1",
        "/services/plex/deny_if/0",
        "/kinds/write/require/0",
        "/all_tools/deny_if/0",
    ];
    assert_eq!(rules("anyone"), general);
    let own = [
        "/grants/kid/tools/export_library/require/0",
        "/grants/kid/services/plex/require/0",
        "/grants/kid/kinds/write/require/0",
        "/grants/kid/require/0",
    ];
    assert_eq!(rules("kid"), [&own[..], &general].concat());
}

#[test]
fn a_grants_own_blocks_beat_all_others_and_hide_stays_hidden() {
    let policy = load(
        "default = \"deny\"\nhide = [\"search_media\"]\n[kinds.read]\naction = \"allow\"\n\
         [tools.export_library]\naction = \"deny\"\nreason = \"general\"\n\
         [grants.kid]\naction = \"deny\"\nreason = \"kids look\"\n[grants.kid.tools.get_libraries]\naction = \"allow\"\n\
         [grants.boss]\ntools.export_library.action = \"allow\"\ntools.search_media.action = \"allow\"\n\
         [grants.\"a/b\".tools.export_library]\nlimits = [{ counter = \"c\", window = 60, max = 1 }]\n",
    )
    .unwrap();
    let action = |grant, tool| policy.verdict(grant, tool).unwrap().action;
    assert_eq!(action("kid", "get_libraries"), Action::Allow);
    assert_eq!(action("kid", "get_media_details"), Action::Deny);
    assert_eq!(policy.verdict("kid", "get_media_details").unwrap().reason.as_deref(), Some("kids look"));
    assert_eq!(policy.verdict("kid", "get_media_details").unwrap().rule, "/grants/kid/action");
    assert_eq!(action("boss", "export_library"), Action::Allow);
    assert!(policy.verdict("boss", "search_media").unwrap().hidden);
    assert_eq!(action("nobody", "export_library"), Action::Deny);
    assert_eq!(action("nobody", "get_media_details"), Action::Allow);
    let limits = &policy.verdict("a/b", "export_library").unwrap().limits;
    assert_eq!(limits[0].rule, "/grants/a~1b/tools/export_library/limits/0");
    // Only the policy's own `tools` allow by naming: a grant's limit must not let in what was refused.
    let policy =
        load("[grants.kid.tools.export_library]\nlimits = [{ counter = \"c\", window = 60, max = 1 }]").unwrap();
    assert_eq!(policy.verdict("kid", "export_library").unwrap().action, Action::Deny);
}

#[test]
fn the_short_form_of_a_limit_counts_calls_under_the_blocks_name() {
    let policy = load(
        "all_tools.rate_limit = { max = 100, window = \"minute\", scope = \"grant\" }\n\
         tools.export_library.rate_limit = { max = 10, window = 60 }\n\
         grants.kid.kinds.read.rate_limit = { max = 0, window = 60 }",
    )
    .unwrap();
    let limits = |grant, tool| -> Vec<(String, u64, String)> {
        let limits = &policy.verdict(grant, tool).unwrap().limits;
        limits.iter().map(|limit| (limit.counter.clone(), limit.max, limit.rule.clone())).collect()
    };
    assert_eq!(
        limits("", "export_library"),
        [
            ("tools.export_library".to_owned(), 10, "/tools/export_library/rate_limit".to_owned()),
            ("all_tools".to_owned(), 100, "/all_tools/rate_limit".to_owned())
        ]
    );
    assert_eq!(limits("kid", "search_media")[0].0, "grants.kid.kinds.read");
    assert_eq!(policy.warnings(), ["line 4: /grants/kid/kinds/read/rate_limit: max = 0 refuses every call"]);
    assert!(!policy.verdict("", "export_library").unwrap().log_args);
}

#[test]
fn a_tool_may_say_otherwise_of_its_arguments_in_the_ledger_than_all_tools_do() {
    let policy = load("all_tools.log_args = true\ntools.export_library.log_args = false").unwrap();
    assert!(policy.verdict("", "search_media").unwrap().log_args);
    assert!(!policy.verdict("", "export_library").unwrap().log_args);
}

#[test]
fn what_decides_nothing_or_everything_is_warned_of() {
    for (sense, path, op, value, expected) in [
        ("require", "args.type", "eq", "\"hologram\"", "can never hold, so it refuses every call"),
        (
            "require",
            "args.type",
            "in",
            "[\"movie\", \"hologram\"]",
            "`args.type` is never `hologram`; it is one of movie, show",
        ),
        ("deny_if", "args.type", "in", "[]", "can never hold, so it refuses nothing"),
        ("require", "item.library", "in", "[]", "can never hold, so it refuses every call"),
        ("require", "args.overwrite", "exists", "true", "always holds, so it refuses nothing"),
        ("deny_if", "args.overwrite", "in", "[true, false]", "always holds, so it refuses every call"),
    ] {
        let policy = load(&format!("tools.export_library.{sense} = [{}]", condition(path, op, value))).unwrap();
        assert!(policy.warnings().iter().any(|warning| warning.contains(expected)), "{:?}", policy.warnings());
    }
    for (op, value, expected) in [
        ("gt", "200", Some("can never hold, so it refuses nothing")),
        ("gt", "199", None),
        ("lte", "200", Some("always holds, so it refuses every call")),
        ("neq", "0", Some("always holds, so it refuses every call")),
        ("eq", "50", None),
    ] {
        let policy = load(&format!("all_tools.deny_if = [{}]", condition("args.limit", op, value))).unwrap();
        assert_eq!(
            policy.warnings().iter().map(|warning| warning.contains(expected.unwrap_or("!"))).next(),
            expected.map(|_| true),
            "{op} {value}"
        );
    }
}

/// What a rule of `export_library` says of a call in which that argument, or fact, has that value.
fn says(sense: &str, path: &str, op: &str, value: &str, given: Option<Value>) -> Says {
    let policy = load(&format!("tools.export_library.{sense} = [{}]", condition(path, op, value))).unwrap();
    let condition = &policy.verdict("", "export_library").unwrap().conditions[0];
    if let Some(name) = path.strip_prefix("args.") {
        let arguments = given.into_iter().map(|value| (name.to_owned(), value)).collect();
        assert_eq!(condition.of_facts(&Facts::default()), Says::Pass);
        condition.of_arguments(&arguments)
    } else {
        let facts = Facts::default().with_known("item.library", given);
        assert_eq!(condition.of_arguments(&serde_json::Map::new()), Says::Pass);
        condition.of_facts(&facts)
    }
}

#[test]
fn what_is_missing_fails_what_is_required_and_trips_nothing() {
    let path = "args.outputPath";
    for op in ["eq", "neq", "contains", "regex", "matches"] {
        for missing in [None, Some(Value::Null)] {
            assert_eq!(says("require", path, op, "\"a\"", missing.clone()), Says::Refuse, "{op}");
            assert_eq!(says("deny_if", path, op, "\"a\"", missing), Says::Pass, "{op}");
        }
    }
    for (value, given, holds) in [
        ("true", Some(json!("x")), true),
        ("true", None, false),
        ("false", None, true),
        ("false", Some(json!("x")), false),
    ] {
        let (require, deny) = if holds { (Says::Pass, Says::Refuse) } else { (Says::Refuse, Says::Pass) };
        assert_eq!(says("require", path, "exists", value, given.clone()), require);
        assert_eq!(says("deny_if", path, "exists", value, given), deny);
    }
    // A fact that was not stated, or is not what it should be, is a refusal either way.
    for sense in ["require", "deny_if"] {
        for given in [None, Some(Value::Null), Some(json!(5)), Some(json!([])), Some(json!([null]))] {
            assert_eq!(says(sense, "item.library", "eq", "\"Movies\"", given), Says::Unavailable);
        }
        assert_ne!(says(sense, "item.library", "exists", "true", None), Says::Unavailable, "asks for presence only");
    }
}

#[test]
fn of_several_items_each_has_to_pass() {
    for (given, require, deny) in [
        (json!(["Movies", "Movies"]), Says::Pass, Says::Refuse),
        (json!(["Movies", "Shows"]), Says::Refuse, Says::Refuse),
        (json!(["Shows", "Music"]), Says::Refuse, Says::Pass),
    ] {
        assert_eq!(says("require", "item.library", "eq", "\"Movies\"", Some(given.clone())), require, "{given}");
        assert_eq!(says("deny_if", "item.library", "eq", "\"Movies\"", Some(given.clone())), deny, "{given}");
    }
}

#[test]
fn texts_compare_in_composed_form_and_long_ones_are_refused() {
    let path = "args.outputPath";
    let (composed, apart) = ("Caf\u{e9}", "Cafe\u{301}");
    for (op, own, given) in [
        ("eq", composed, apart),
        ("eq", apart, composed),
        ("contains", composed, apart),
        ("regex", composed, apart),
        ("matches", apart, composed),
    ] {
        assert_eq!(says("deny_if", path, op, &format!("'{own}'"), Some(json!(given))), Says::Refuse, "{op}");
    }
    assert_eq!(says("deny_if", path, "eq", "\"movies\"", Some(json!("Movies"))), Says::Pass, "case counts");
    let long = json!("a".repeat((64 << 10) + 1));
    for sense in ["require", "deny_if"] {
        for op in ["regex", "matches", "contains", "eq", "neq"] {
            assert_eq!(says(sense, path, op, "\"a\"", Some(long.clone())), Says::Refuse, "{sense} {op}");
        }
    }
}

#[test]
fn regex_searches_and_matches_takes_the_whole_text() {
    for (op, pattern, given, holds) in [
        ("regex", "priv", "my-private", true),
        ("regex", "^priv", "my-private", false),
        ("matches", "priv", "private", false),
        ("matches", "a|ab", "ab", true),
        ("matches", "a|b", "ab", false),
        ("matches", "(?x) a # comment", "a", true),
        ("matches", "a$", "a\n", false),
    ] {
        let expected = if holds { Says::Refuse } else { Says::Pass };
        let found = says("deny_if", "args.outputPath", op, &format!("'{pattern}'"), Some(json!(given)));
        assert_eq!(found, expected, "{op} {pattern} {given:?}");
    }
    let members = json!(["1", "12"]);
    assert_eq!(says("deny_if", "args.keys", "contains", "\"12\"", Some(members.clone())), Says::Refuse);
    assert_eq!(says("deny_if", "args.keys", "contains", "\"2\"", Some(members)), Says::Pass, "members, not parts");
}
