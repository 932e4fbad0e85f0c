//! `plex-mcp audit`: the rows, as a table or as JSON Lines.

use super::Show;
use crate::{
    cli::Failure,
    guard::{Audit, Filter, Outcome, Row},
};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};
use std::{
    io::{self, Write as _},
    time::Duration,
};

/// How often a followed ledger is looked at.
const POLL: Duration = Duration::from_millis(250);

/// How many rows are read at once.
const PAGE: u32 = 1000;

/// Whether anyone still reads the output.
#[derive(PartialEq, Eq)]
enum Reader {
    There,
    Gone,
}

pub(super) async fn run(show: Show, grant: Option<String>, audit: &Audit) -> Result<(), Failure> {
    let filter = Filter { tool: show.tool, grant, decision: show.decision, since_ms: show.since };
    let mut after = show.limit.map_or(Ok(0), |count| audit.newest(&filter, count))?;
    // Rows from before 1 would be by another hand, and `verify` is there to say so.
    if !show.json && print(&heading())? == Reader::Gone {
        return Ok(());
    }
    let line = if show.json { json_line } else { table_line };
    let mut running = Vec::new();
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    loop {
        // Looked at first: one that ends from here on is found in the next round.
        let mut still = Vec::new();
        for seq in std::mem::take(&mut running) {
            match audit.row(seq)? {
                Some(row) if is_running(&row) => still.push(seq),
                Some(row) if print(&line(&row))? == Reader::Gone => return Ok(()),
                _ => {}
            }
        }
        running = still;
        loop {
            let rows = audit.rows(&filter, after, PAGE)?;
            let Some(last) = rows.last() else { break };
            after = last.seq;
            for row in &rows {
                if print(&line(row))? == Reader::Gone {
                    return Ok(());
                }
                if show.follow && is_running(row) {
                    running.push(row.seq);
                }
            }
        }
        if !show.follow || is_gone() {
            return Ok(());
        }
        tokio::select! {
            _ = &mut interrupted => return Ok(()),
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

/// Whether a row is still to be completed.
fn is_running(row: &Row) -> bool {
    row.outcome == Some(Outcome::Unknown) && row.duration_ms.is_none()
}

fn print(line: &str) -> Result<Reader, Failure> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Ok(()) => Ok(Reader::There),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(error) => Err(Failure::Failed(anyhow::anyhow!("standard output can't be written to: {error}"))),
    }
}

/// Whether the pipe that the output goes to was closed, which would else show with the next row only.
fn is_gone() -> bool {
    #[cfg(unix)]
    {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let out = io::stdout();
        let mut fds = [PollFd::new(&out, PollFlags::empty())];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut fds, Some(&now)).is_ok() && fds.iter().any(|fd| fd.revents().intersects(PollFlags::ERR))
    }
    #[cfg(not(unix))]
    false
}

fn heading() -> String {
    format!(
        "{:<23} {:>6} {:<10} {:<26} {:<9} {:<9} {:>8}  WHAT",
        "TIME", "SEQ", "GRANT", "TOOL", "DECISION", "OUTCOME", "MS"
    )
}

fn table_line(row: &Row) -> String {
    let time = Timestamp::from_millisecond(row.time_ms).map_or_else(
        |_| row.time_ms.to_string(),
        |time| time.to_zoned_datetime(TimeZone::system()).strftime("%F %T%.3f").to_string(),
    );
    let outcome = match row.outcome {
        None => "",
        Some(_) if is_running(row) => "running?",
        Some(outcome) => outcome.as_str(),
    };
    let duration = row.duration_ms.map_or_else(String::new, |ms| ms.to_string());
    let tool = if row.tool.is_empty() { "-".to_owned() } else { clean(&row.tool) };
    let line = format!(
        "{time:<23} {:>6} {:<10} {tool:<26} {:<9} {outcome:<9} {duration:>8}  {}",
        row.seq,
        clean(&row.grant),
        row.decision.as_str(),
        what(row)
    );
    line.trim_end().to_owned()
}

/// The last column: what was touched, or why nothing was.
fn what(row: &Row) -> String {
    let affected = &row.affected;
    let count = |number: Option<u64>, name: &str| number.map(|number| format!("{number} {name}"));
    let titles = match affected.titles.as_slice() {
        [] => None,
        [one] => Some(clean(one)),
        [first, rest @ ..] => Some(format!("{} and {} more", clean(first), rest.len())),
    };
    let parts = [
        affected.library.as_deref().map(clean),
        titles,
        count(affected.items, "items"),
        count(affected.bytes, "bytes"),
        row.rule.as_deref().map(clean),
        row.note.as_deref().map(clean),
        (row.repeats > 1).then(|| format!("{} times", row.repeats)),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn json_line(row: &Row) -> String {
    json_of(row).to_string()
}

/// A row in the form that is promised to other programs: nulls for what is absent, `repeats` and `note` only where they say
/// something.
fn json_of(row: &Row) -> Value {
    let text = |text: &Option<String>| text.as_deref().map(clean);
    let texts = |texts: &[String]| texts.iter().map(|text| clean(text)).collect::<Value>();
    let args =
        row.arg_values.as_ref().map_or_else(|| texts(&row.args), |values| clean_value(&Value::Object(values.clone())));
    let mut line = json!({
        "seq": row.seq,
        "time": Timestamp::from_millisecond(row.time_ms).ok().map(|time| format!("{time:.3}")),
        "callId": clean(&row.call_id),
        "grant": clean(&row.grant),
        "session": clean(&row.session),
        "client": text(&row.client),
        "tool": (!row.tool.is_empty()).then(|| clean(&row.tool)),
        "kind": row.kind,
        "policy": clean(&row.policy),
        "decision": row.decision,
        "rule": text(&row.rule),
        "args": args,
        "digest": text(&row.digest),
        "affected": {
            "library": text(&row.affected.library),
            "titles": texts(&row.affected.titles),
            "items": row.affected.items,
            "bytes": row.affected.bytes,
        },
        "outcome": row.outcome.map_or("none", Outcome::as_str),
        "durationMs": row.duration_ms,
    });
    if let Value::Object(object) = &mut line {
        if row.repeats > 1 {
            object.insert("repeats".to_owned(), row.repeats.into());
        }
        if let Some(note) = &row.note {
            object.insert("note".to_owned(), clean(note).into());
        }
    }
    line
}

/// A text without what a terminal obeys: control characters, and those that turn, hide or join what is around them.
pub(super) fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() && !is_format(*c)).collect()
}

fn is_format(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn clean_value(value: &Value) -> Value {
    match value {
        Value::String(text) => clean(text).into(),
        Value::Array(values) => values.iter().map(clean_value).collect(),
        Value::Object(object) => object.iter().map(|(name, value)| (clean(name), clean_value(value))).collect(),
        plain => plain.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::{Affected, Decision, Kind};

    fn row() -> Row {
        Row {
            seq: 7,
            time_ms: 1_769_889_600_012,
            call_id: "c".into(),
            grant: "kitchen".into(),
            session: "s".into(),
            client: None,
            tool: "export_library".into(),
            kind: Some(Kind::Write),
            policy: "p".into(),
            decision: Decision::Allow,
            rule: None,
            args: vec!["a".into()],
            arg_values: None,
            digest: None,
            affected: Affected {
                library: Some("F\u{1b}[2Jilms\n\u{202e}x".into()),
                titles: vec![],
                items: Some(3),
                bytes: None,
            },
            outcome: None,
            duration_ms: None,
            before: None,
            note: None,
            repeats: 1,
        }
    }

    #[test]
    fn a_json_line_has_the_promised_form_and_nothing_that_a_terminal_obeys() {
        assert_eq!(
            json_line(&row()),
            "{\"seq\":7,\"time\":\"2026-01-31T20:00:00.012Z\",\"callId\":\"c\",\"grant\":\"kitchen\",\"session\":\"s\",\
             \"client\":null,\"tool\":\"export_library\",\"kind\":\"write\",\"policy\":\"p\",\"decision\":\"allow\",\
             \"rule\":null,\"args\":[\"a\"],\"digest\":null,\"affected\":{\"library\":\"F[2Jilmsx\",\"titles\":[],\
             \"items\":3,\"bytes\":null},\"outcome\":\"none\",\"durationMs\":null}"
        );
        let Value::Object(values) = json!({"a\u{7}": ["\u{9b}1", {"b": "\u{200b}"}], "n": 5}) else { unreachable!() };
        let full = Row { arg_values: Some(values), repeats: 4, note: Some("n\u{0}".into()), ..row() };
        let full = json_of(&full);
        assert_eq!(full["args"], json!({"a": ["1", {"b": ""}], "n": 5}));
        assert_eq!((&full["repeats"], &full["note"]), (&json!(4), &json!("n")));
    }

    #[test]
    fn a_table_line_is_one_line() {
        let line = table_line(&row());
        assert!(
            line.ends_with("kitchen    export_library             allow                         F[2Jilmsx, 3 items"),
            "{line}"
        );
        assert!(!line.contains(char::is_control), "{line:?}");
        let running = Row { outcome: Some(Outcome::Unknown), ..row() };
        assert!(table_line(&running).contains("running?"));
        assert!(table_line(&Row { duration_ms: Some(5), ..running }).contains("unknown          5"));
    }
}
