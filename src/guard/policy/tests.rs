use super::*;
use crate::guard::{limit::Scope, subject::Service};

mod conditions;
mod json;
mod properties;

const fn subject(tool: &'static str, kind: Kind, service: Service) -> Subject {
    Subject { tool, kind, service }
}

const SUBJECTS: [Subject; 5] = [
    subject("get_libraries", Kind::Read, Service::Plex),
    subject("get_library_items", Kind::Read, Service::Plex),
    subject("get_media_details", Kind::Read, Service::Plex),
    subject("search_media", Kind::Read, Service::Plex),
    subject("export_library", Kind::Write, Service::Plex),
];

fn parse(text: &str) -> Policy {
    Policy::parse(text, &SUBJECTS).unwrap()
}

fn faults(text: &str) -> Vec<String> {
    Policy::parse(text, &SUBJECTS).unwrap_err().0.iter().map(ToString::to_string).collect()
}

#[test]
fn the_shipped_policy_is_right_and_says_what_the_readme_says() {
    let policy = Policy::parse(SHIPPED, crate::tools::catalogue()).unwrap();
    assert_eq!(policy.warnings(), [""; 0]);
    assert_eq!(policy.exports(), &ExportCaps::default());
    let attempts = policy.attempts().unwrap();
    assert_eq!((attempts.window.as_secs(), attempts.max, attempts.burst.get()), (60, 600, 100));
    for tool in ["get_libraries", "get_library_items", "get_media_details", "search_media"] {
        let verdict = policy.verdict("", tool).unwrap();
        assert_eq!((verdict.action, verdict.rule.as_str()), (Action::Allow, "/kinds/read/action"));
        let rules: Vec<_> = verdict.limits.iter().map(|l| l.rule.as_str()).collect();
        assert_eq!(rules, ["/all_tools/limits/0"]);
    }
    let export = policy.verdict("", "export_library").unwrap();
    assert_eq!((export.action, export.rule.as_str()), (Action::Allow, "/tools/export_library/action"));
    let limits: Vec<_> =
        export.limits.iter().map(|l| (l.counter.as_str(), l.window.as_secs(), l.max, l.scope)).collect();
    assert_eq!(limits, [("export_library_rate", 60, 30, Scope::Grant), ("all_calls", 60, 120, Scope::Grant)]);

    assert_eq!(policy.verdict("", "create_playlist").unwrap().action, Action::Ask);
    let delete = policy.verdict("", "delete_playlist").unwrap();
    assert_eq!(delete.action, Action::Ask);
    assert_eq!(delete.limits[0].window, Duration::from_secs(3600));
}

#[test]
fn the_shipped_policy_refuses_all_where_it_does_not_fit_the_tools() {
    let policy = Policy::shipped(&SUBJECTS[..4]);
    assert!(policy.verdict("", "get_libraries").is_none());
    assert!(policy.warnings()[0].contains("export_library"), "{:?}", policy.warnings());
}

#[test]
fn every_fault_is_reported_with_its_place_and_the_nearest_name() {
    let text = r#"
version = 1
default = "alow"
hide = ["get_librarys", 3]
requires = []
[all_tools]
attempts = { window = "minutes", max = 0 }
[kinds.reed]
action = "allow"
[services.plex]
action = true
[tools.export_libary]
action = "allow"
[tools.export_library]
limits = [
  { counter = "a b", window = 1.5, max = -1 },
  { counter = "c", window = "hour", max = 2_000_000_000_000_000, scope = "user", extra = 1 },
  { window = 2678401 },
]
reason = ""
[exports]
max_items = 0
redact = "Media.Part.file"
"#;
    let expected = [
        "line 2, column 11: /version: must be \"1\", the only version there is",
        "line 3, column 11: /default: `alow` is not known; it is one of allow, ask, deny",
        "line 4, column 9: /hide/0: there is no tool `get_librarys`; did you mean `get_libraries`?",
        "line 4, column 25: /hide/1: must be a text, not a whole number",
        "line 5, column 1: /requires: there is no key `requires`; it is one of version, default, hide, all_tools, kinds, \
         services, tools, grants, exports, ledger",
        "line 7, column 23: /all_tools/attempts/window: `minutes` is no window; it is one of minute, hour, day, or a number \
         of seconds",
        "line 7, column 40: /all_tools/attempts/max: must be a whole number from 1 to 4294967295, not 0",
        "line 8, column 8: /kinds/reed: there is no kind `reed`; did you mean `read`?",
        "line 11, column 10: /services/plex/action: must be a text, not true or false",
        "line 12, column 8: /tools/export_libary: there is no tool `export_libary`; did you mean `export_library`?",
        "line 16, column 15: /tools/export_library/limits/0/counter: must be a name of up to 64 letters, digits, `_`, `-` \
         and `.`",
        "line 16, column 31: /tools/export_library/limits/0/window: must be a whole number, not a number with a fraction",
        "line 16, column 42: /tools/export_library/limits/0/max: must be a whole number from 0 to 1000000000000000, not -1",
        "line 17, column 43: /tools/export_library/limits/1/max: must be a whole number from 0 to 1000000000000000, not \
         2000000000000000",
        "line 17, column 74: /tools/export_library/limits/1/scope: `user` is not known; it is one of grant, server",
        "line 17, column 82: /tools/export_library/limits/1/extra: there is no key `extra`; it is one of counter, window, \
         max, of, scope, burst",
        "line 18, column 3: /tools/export_library/limits/2: `counter` is missing",
        "line 18, column 3: /tools/export_library/limits/2: `max` is missing",
        "line 18, column 14: /tools/export_library/limits/2/window: must be a whole number from 1 to 2678400, not 2678401",
        "line 20, column 10: /tools/export_library/reason: must be one line of text",
        "line 22, column 13: /exports/max_items: must be a whole number from 1 to 1000000000000000, not 0",
        "line 23, column 10: /exports/redact: must be a list, not a text",
    ];
    let found = faults(text);
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len());
}

#[test]
fn what_no_table_may_hold_is_refused_wherever_it_stands() {
    for key in [
        "tools.\"*\".action = \"allow\"",
        "grants.kitchen.default = \"allow\"",
        "grants.kitchen.tools.export_library.hide = true",
        "grants.kitchen.tools.export_libary.action = \"deny\"",
        "all_tools.action = \"allow\"",
        "all_tools.attempts = { window = 1, max = 1, scope = \"grant\" }",
        "kinds.read.log_args = true",
        "tools.export_library.rate_limit = { max = 1, window = 1, of = \"bytes\" }",
        "tools.export_library.require = [{ path = \"item.count\", op = \"lt\", value = 5, on_deny = \"x\" }]",
    ] {
        let found = faults(&format!("version = \"1\"\n{key}"));
        assert_eq!(found.len(), 1, "{key}: {found:?}");
        assert!(found[0].contains("there is no "), "{found:?}");
    }
}

#[test]
fn text_that_is_no_toml_is_refused_with_its_lines() {
    let found = faults("version = \"1\"\nversion = \"1\"\ndefault = \n[tools\n");
    assert!(
        found.iter().any(|fault| fault.starts_with("line 2,") && fault.contains("duplicate key `version`")),
        "{found:?}"
    );
    assert!(found.iter().any(|fault| fault.starts_with("line 3,")), "{found:?}");
    assert!(found.iter().any(|fault| fault.starts_with("line 4,")), "{found:?}");
    assert!(faults("").iter().any(|fault| fault.contains("`version` is missing")));
    let long = faults(&format!("version = \"1\"\n#{}", "x".repeat(1 << 20)));
    assert!(long[0].contains("more than the 1048576"), "{long:?}");
}

#[test]
fn limits_that_contradict_each_other_are_refused() {
    let found = faults(
        r#"version = "1"
tools.export_library.limits = [
  { counter = "c", window = "hour", max = 1 },
  { counter = "c", window = "hour", max = 1, of = "bytes" },
  { counter = "d", window = "hour", max = 5, burst = 6 },
  { counter = "e", window = "hour", max = 5, of = "items", burst = 2 },
]
tools.get_libraries.limits = [{ counter = "f", window = "hour", max = 5, of = "items" }]
kinds.read.limits = [{ counter = "g", window = "hour", max = 5, of = "bytes" }]
"#,
    );
    assert_eq!(found.len(), 5, "{found:#?}");
    assert!(found[0].starts_with("line 4,") && found[0].contains("counter `c` counts calls elsewhere"));
    assert!(found[1].starts_with("line 5,") && found[1].contains("from 1 to 5, not 6"));
    assert!(found[2].starts_with("line 6,") && found[2].contains("does not go with `of`"));
    assert!(found[3].starts_with("line 8,") && found[3].contains("would never count"));
    assert!(found[4].starts_with("line 9,") && found[4].contains("would never count"));
}

#[test]
fn a_limit_that_lets_nothing_pass_is_warned_of() {
    let policy = parse("version = \"1\"\n\nall_tools.limits = [{ counter = \"c\", window = 1, max = 0 }]");
    assert_eq!(policy.warnings(), ["line 3: /all_tools/limits/0: max = 0 refuses every call"]);
}

#[test]
fn rules_that_a_denial_keeps_from_being_asked_are_warned_of() {
    let rules = "[tools.export_library]\naction = \"deny\"\nrate_limit = { max = 1, window = 1 }\n";
    let warned = |rest: &str| parse(&format!("version = \"1\"\n{rules}{rest}")).warnings().len();
    assert_eq!(warned(""), 1);
    assert!(
        parse(&format!("version = \"1\"\n{rules}")).warnings()[0].contains("/tools/export_library: action = \"deny\"")
    );
    // A grant may allow what they are for.
    assert_eq!(warned("[grants.kitchen.tools.export_library]\naction = \"allow\"\n"), 0);
    let of_grant = "[grants.kitchen.tools.search_media]\naction = \"deny\"\nrate_limit = { max = 1, window = 1 }\n";
    assert_eq!(warned(of_grant), 1, "nothing is more specific than a grant's own block");
}

#[test]
fn the_most_specific_block_that_states_an_action_decides() {
    let levels = [
        ("", Action::Deny, "/default"),
        ("default = \"ask\"\n", Action::Ask, "/default"),
        ("kinds.write.action = \"deny\"\n", Action::Deny, "/kinds/write/action"),
        ("services.plex.action = \"ask\"\n", Action::Ask, "/services/plex/action"),
        ("tools.export_library.action = \"allow\"\n", Action::Allow, "/tools/export_library/action"),
    ];
    let mut text = "version = \"1\"\n".to_owned();
    for (line, action, rule) in levels {
        text.push_str(line);
        let policy = parse(&text);
        let verdict = policy.verdict("", "export_library").unwrap();
        assert_eq!((verdict.action, verdict.rule.as_str()), (action, rule), "{text}");
        assert_eq!(verdict.by_default, rule == "/default");
    }
}

#[test]
fn a_less_specific_block_never_relaxes_a_denial_or_hides_less() {
    let policy = parse(
        "version = \"1\"\ndefault = \"allow\"\nhide = [\"search_media\"]\nkinds.read.action = \"allow\"\n\
         services.plex.action = \"allow\"\ntools.get_libraries.action = \"deny\"\ntools.search_media.action = \"allow\"",
    );
    assert_eq!(policy.verdict("", "get_libraries").unwrap().action, Action::Deny);
    assert!(policy.verdict("", "search_media").unwrap().hidden);
    assert_eq!(policy.verdict("", "search_media").unwrap().rule, "/hide");
    assert!(!policy.verdict("", "get_media_details").unwrap().hidden);
}

#[test]
fn a_tool_that_is_named_without_an_action_is_allowed_and_limited() {
    let policy =
        parse("version = \"1\"\ntools.export_library.limits = [{ counter = \"c\", window = \"day\", max = 3 }]");
    let verdict = policy.verdict("", "export_library").unwrap();
    assert_eq!((verdict.action, verdict.rule.as_str()), (Action::Allow, "/tools/export_library"));
    assert_eq!(verdict.limits[0].scope, Scope::Server);
    assert_eq!(policy.verdict("", "search_media").unwrap().action, Action::Deny);
    let policy = parse("version = \"1\"\nkinds.write.action = \"ask\"\ntools.export_library.limits = []");
    assert_eq!(policy.verdict("", "export_library").unwrap().action, Action::Ask);
}

#[test]
fn a_star_hides_what_is_refused_and_nothing_else() {
    for hide in ["\"*\"", "[\"*\", \"search_media\"]"] {
        let policy = parse(&format!(
            "version = \"1\"\nhide = {hide}\nkinds.read.action = \"allow\"\ntools.get_libraries.action = \"ask\""
        ));
        assert!(policy.verdict("", "export_library").unwrap().hidden);
        assert!(!policy.verdict("", "get_libraries").unwrap().hidden);
        assert_eq!(policy.verdict("", "search_media").unwrap().hidden, hide.contains("search_media"));
    }
}

#[test]
fn limits_of_every_matching_block_add_up_the_tools_own_first() {
    let limit = |counter| format!("limits = [{{ counter = \"{counter}\", window = 60, max = 1 }}]");
    let policy = parse(&format!(
        "version = \"1\"\n[all_tools]\n{}\n[kinds.write]\n{}\n[services.plex]\n{}\n[services.trakt]\n{}\n[tools.export_library]\n{}",
        limit("all"),
        limit("kind"),
        limit("service"),
        limit("other"),
        limit("tool")
    ));
    let counters = |tool| -> Vec<_> {
        policy.verdict("", tool).unwrap().limits.iter().map(|limit| limit.counter.clone()).collect()
    };
    assert_eq!(counters("export_library"), ["tool", "service", "kind", "all"]);
    assert_eq!(counters("search_media"), ["service", "all"]);
}

#[test]
fn the_denial_text_of_a_block_goes_with_its_action_and_its_limits() {
    let policy = parse(
        "version = \"1\"\n[tools.export_library]\naction = \"deny\"\nreason = \"why\"\non_deny = \"told\"\n\
         limits = [{ counter = \"c\", window = 60, max = 1 }]\n[tools.search_media]\naction = \"deny\"\nreason = \"why\"",
    );
    let export = policy.verdict("", "export_library").unwrap();
    assert_eq!(export.reason.as_deref(), Some("told"));
    assert_eq!(export.limits[0].on_deny.as_deref(), Some("told"));
    assert_eq!(policy.verdict("", "search_media").unwrap().reason.as_deref(), Some("why"));
}

#[test]
fn the_hash_is_that_of_the_text() {
    // printf 'version = "1"' | sha256sum
    assert_eq!(parse("version = \"1\"").hash(), "5b106c2cdae51b82");
    assert_ne!(parse("version = \"1\"\n").hash(), parse("version = \"1\"").hash());
}
