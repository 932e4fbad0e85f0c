use super::{conditions::load, *};

/// A policy as `PolicyLayer` writes it.
const EXPORTS_ONLY: &str = r#"{"version":"1","default":"deny","tools":{"export_library":{"limits":[{"counter":"export_library_rate","window":"minute","max":30,"scope":"grant"}]}}}"#;

#[test]
fn a_policy_in_json_is_read_as_it_stands() {
    for text in [EXPORTS_ONLY.to_owned(), format!("\n  {EXPORTS_ONLY}\n")] {
        let policy = parse(&text);
        let export = policy.verdict("", "export_library").unwrap();
        assert_eq!((export.action, export.rule.as_str()), (Action::Allow, "/tools/export_library"));
        let limit = &export.limits[0];
        assert_eq!((limit.counter.as_str(), limit.max, limit.scope), ("export_library_rate", 30, Scope::Grant));
        assert!(policy.verdict("", "search_media").unwrap().by_default);
    }
    let same = load(
        "default = \"deny\"\n[tools.export_library]\n\
         limits = [{ counter = \"export_library_rate\", window = \"minute\", max = 30, scope = \"grant\" }]",
    );
    assert!(same.unwrap().agrees_with(&parse(EXPORTS_ONLY)));
    assert!(!parse("version = \"1\"").agrees_with(&parse(EXPORTS_ONLY)));
}

#[test]
fn faults_of_json_have_their_places() {
    let text = "{\n  \"version\": \"1\",\n  \"tools\": {\n    \"export_libary\": {\"action\": \"alow\"},\n    \
                \"search_media\": {\"limits\": [{\"counter\": \"c\", \"window\": \"minute\", \"max\": -1}],\n      \
                \"acton\": 1, \"reason\": null}\n  }\n}";
    assert_eq!(
        faults(text),
        [
            "line 4, column 5: /tools/export_libary: there is no tool `export_libary`; did you mean `export_library`?",
            "line 4, column 33: /tools/export_libary/action: `alow` is not known; it is one of allow, ask, deny",
            "line 5, column 77: /tools/search_media/limits/0/max: must be a whole number from 0 to 1000000000000000, not -1",
            "line 6, column 7: /tools/search_media/acton: there is no key `acton`; did you mean `action`?",
            "line 6, column 29: /tools/search_media/reason: must be a text, not null",
        ]
    );
}

#[test]
fn what_is_no_json_is_refused() {
    for (text, expected) in [
        ("{\"version\": \"1\",}", "line 1, column 17: expected a key in quotes"),
        ("{\"version\" \"1\"}", "column 12: expected `:` behind the key"),
        ("{\"version\": \"1\"} x", "nothing may follow"),
        ("{\"version\": \"1\"", "expected `,` or `}`"),
        ("{\"version\": \"1", "the text has no closing quote"),
        ("{\"version\": \"\\x\"}", "is no text of JSON"),
        ("{\"version\": 01}", "is no number of JSON"),
        ("{\"version\": yes}", "expected a value"),
        ("{\"version\": \"1\", \"version\": \"1\"}", "column 18: duplicate key `version`"),
        ("{\"version\": \"1\", \"vers\\u0069on\": \"1\"}", "column 18: duplicate key `version`"),
        ("{\"a\": [1 2]}", "expected `,` or `]`"),
        ("{", "expected a key in quotes"),
    ] {
        let found = faults(text);
        assert!(found.len() == 1 && found[0].contains(expected), "{text}: {found:?}");
    }
    let deep = format!("{{\"a\": {}", "[".repeat(100_000));
    assert!(faults(&deep)[0].contains("nests too deep"));
    assert!(faults("{}")[0].contains("`version` is missing"));
    let large = faults("{\"version\": \"1\", \"exports\": {\"max_items\": 99999999999999999999, \"max_files\": 1.0}}");
    assert!(large[0].contains("not 99999999999999999999") && large[1].contains("not a number with a fraction"));
}
