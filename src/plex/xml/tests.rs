use super::*;
use crate::plex::{fields::field_type, json::write_typed, selection::Paths};
use proptest::prelude::*;

fn rows(xml: &str) -> Result<Vec<serde_json::Value>, XmlError> {
    let mut document = Document::open(xml)?;
    let mut arena = Arena::default();
    let mut rows = Vec::new();
    while let Some(row) = document.next_row(&mut arena)? {
        let mut out = Vec::new();
        row.write_full(&mut out);
        rows.push(serde_json::from_slice(&out).expect("a JSON object"));
    }
    Ok(rows)
}

#[test]
fn rows_are_what_plexs_json_would_hold() {
    let xml = r#"<?xml version="1.0" encoding="UTF-8"?>
<MediaContainer size="2" totalSize="7">
<Video ratingKey="1" title="A &amp; B" year="2001"><Media id="9" width="1920"><Part id="9" file="/m/a.mkv"/></Media>
<Genre tag="Drama"/><Media id="10"/><Genre tag="Comedy"/></Video>
<Directory ratingKey="2" type="show" title="S"/>
</MediaContainer>"#;
    assert_eq!(
        rows(xml).unwrap(),
        [
            serde_json::json!({"ratingKey": "1", "title": "A & B", "year": 2001,
                "Media": [{"id": 9, "width": 1920, "Part": [{"id": 9, "file": "/m/a.mkv"}]}, {"id": 10}],
                "Genre": [{"tag": "Drama"}, {"tag": "Comedy"}]}),
            serde_json::json!({"ratingKey": "2", "type": "show", "title": "S"}),
        ]
    );
    let document = Document::open(xml).unwrap();
    assert_eq!(document.attribute("totalSize").as_deref(), Some("7"));
    assert_eq!(document.attribute("offset"), None);
}

#[test]
fn items_of_several_elements_are_one_list() {
    let xml = r#"<MediaContainer><Hub type="photo"><Photo ratingKey="1"/><Video ratingKey="2"/><Tag id="3"/>
<Photo ratingKey="4"/></Hub></MediaContainer>"#;
    let list = serde_json::json!([{"ratingKey": "1"}, {"ratingKey": "2"}, {"ratingKey": "4"}]);
    let expected = serde_json::json!({"type": "photo", "Metadata": list, "Tag": [{"id": 3}]});
    assert_eq!(rows(xml).unwrap(), [expected]);
}

#[test]
fn untidy_answers_lose_nothing_beside_the_fault() {
    let xml = "<MediaContainer><Video ratingKey=\"7\" type=\"movie\" title=\"A&#x4;B\"/>\
        <Video ratingKey=\"8\" title=\"A\u{4}B\"/>stray & text<Hologram ratingKey=\"9\" title=\"x &nbsp; & y\" title=\"twice\" odd/>\
        </MediaContainer>";
    let rows = rows(xml).unwrap();
    assert_eq!(rows[0]["title"], "AB");
    assert_eq!(rows[1]["title"], "AB");
    assert_eq!(rows[2]["title"], "x &nbsp; & y");
    assert_eq!(rows[2]["ratingKey"], "9");
}

#[test]
fn rows_that_differ_are_written_alike_whatever_was_learnt_before() {
    let rows_of = [
        r#"<Video ratingKey="1" title="A" year="2001" rating="7.5"/>"#,
        r#"<Video ratingKey="2" year="2001" title="B" title="twin" rating=""/>"#,
        r#"<Video  ratingKey = "3" title='C "quoted"' odd year="x"/>"#,
        r#"<Video title="D" ratingKey="4"><Media id="1"/><Media title="5"/></Video>"#,
        r#"<Track ratingKey="5" title="E&amp;F" index="007"/>"#,
        r#"<Video ratingKey="6" title="G" year="2001" rating="8" summary="new" x:y="z"/>"#,
        r#"<Video ratingKeys="7" title="H" year="2001" rating="8"/>"#,
        r"<Video/>",
    ];
    let alone = |row: &str| rows(&format!("<MediaContainer>{row}</MediaContainer>")).unwrap().remove(0);
    for (n, first) in rows_of.iter().enumerate() {
        for (m, second) in rows_of.iter().enumerate() {
            let together = rows(&format!("<MediaContainer>{first}{second}{first}</MediaContainer>")).unwrap();
            assert_eq!(together, [alone(first), alone(second), alone(first)], "{n} and {m}");
        }
    }
    assert_eq!(alone(rows_of[1])["title"], "B", "of twins the first counts");
    let many: String = (0..600).fold(String::new(), |text, n| format!("{text} a{n}=\"{n}\"")) + " a7=\"twin\"";
    let row = alone(&format!("<Video{many}/>"));
    assert_eq!((row.as_object().unwrap().len(), &row["a7"]), (600, &"7".into()));
}

#[test]
fn what_is_not_a_whole_answer_is_an_error() {
    assert_eq!(rows("").unwrap_err(), XmlError::Empty);
    assert_eq!(rows("<html><body/></html>").unwrap_err(), XmlError::NotAContainer("html".into()));
    assert_eq!(rows("<MediaContainer/>").unwrap(), [] as [serde_json::Value; 0]);
    let whole = r#"<MediaContainer size="1"><Video ratingKey="1"><Media id="1"/></Video></MediaContainer>"#;
    for cut in 16..whole.len() {
        let result = whole.get(..cut).map(rows).unwrap();
        assert!(result.is_err(), "cut at {cut}: {result:?}");
    }
    let deep = format!("<MediaContainer>{}", "<a>".repeat(MAX_DEPTH + 2));
    assert_eq!(rows(&deep).unwrap_err(), XmlError::TooDeep);
}

#[test]
fn redacted_fields_are_left_out_at_every_level() {
    let xml = r#"<MediaContainer><Video ratingKey="1" summary="s"><Media id="1"><Part id="2" file="/secret"/><Part id="3" file="/secret"/></Media><Role tag="R"/></Video></MediaContainer>"#;
    let hide = Some(Paths::new(["Media.Part.file", "Role", "summary"]));
    let selection = Selection { hide, ..Selection::default() };
    let mut document = Document::open(xml).unwrap();
    let mut arena = Arena::default();
    let mut out = Vec::new();
    document.next_row(&mut arena).unwrap().unwrap().write_selected(&mut out, &selection, None);
    assert_eq!(String::from_utf8(out).unwrap(), r#"{"ratingKey":"1","Media":[{"id":1,"Part":[{"id":2},{"id":3}]}]}"#);
}

fn attributes() -> impl Strategy<Value = Vec<(&'static str, String, bool)>> {
    let names = prop::sample::select(vec![
        "id",
        "key",
        "year",
        "title",
        "rating",
        "selected",
        "ratingKey",
        "contentRating",
        "originallyAvailableAt",
        "a:b",
        "x",
    ]);
    let pieces = prop::sample::select(vec![
        "1",
        "0",
        "2001",
        "7.5",
        "-",
        "&amp;",
        "&quot;",
        "&#39;",
        "&",
        "\\",
        ">",
        "/>",
        "<",
        "=",
        " ",
        "\t",
        "\n",
        "é",
        "\u{1f600}",
        "plain text of some length",
        "0123456789abcdef",
        "\u{4}",
    ]);
    let value = prop::collection::vec(pieces, 0..5).prop_map(|pieces| pieces.concat());
    prop::collection::vec((names, value, any::<bool>()), 0..7)
}

proptest! {
    #[test]
    fn attributes_are_written_as_they_are_whatever_came_before(rows in prop::collection::vec(attributes(), 1..7)) {
        let mut text = "<MediaContainer>".to_owned();
        let mut expected = Vec::new();
        for row in &rows {
            text.push_str("<Video");
            let (mut object, mut first, mut names) = (b"{".to_vec(), true, Vec::new());
            for (name, value, quoted) in row {
                let mark = if *quoted { "\"" } else { "'" };
                text.extend([" ", name, "=", mark, value, mark]);
                if !names.contains(name) {
                    names.push(*name);
                    write_key(&mut object, &mut first, name);
                    write_typed(&mut object, field_type("Video", name), value);
                }
            }
            text.push_str("/>\n");
            object.push(b'}');
            expected.push(String::from_utf8(object).unwrap());
        }
        text.push_str("</MediaContainer>");
        let (mut document, mut arena, mut found) = (Document::open(&text).unwrap(), Arena::default(), Vec::new());
        while let Some(row) = document.next_row(&mut arena).unwrap() {
            let mut out = Vec::new();
            row.write_full(&mut out);
            found.push(String::from_utf8(out).unwrap());
        }
        prop_assert_eq!(found, expected, "{}", text);
    }
}

#[test]
fn a_byte_order_mark_moves_nothing() {
    let xml = "\u{feff}<MediaContainer size=\"1\"><Video ratingKey=\"7\" title=\"A\"/></MediaContainer>";
    assert_eq!(rows(xml).unwrap(), [serde_json::json!({"ratingKey": "7", "title": "A"})]);
}
