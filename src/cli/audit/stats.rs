//! `plex-mcp audit stats`: what the calls come to.

use super::show::clean;
use crate::{
    cli::{Failure, say},
    guard::DayOfTool,
};
use serde_json::json;

pub(super) fn run(days: &[DayOfTool], as_json: bool) -> Result<(), Failure> {
    if as_json {
        let days: Vec<_> = days
            .iter()
            .map(|row| {
                json!({
                    "day": row.day, "tool": (!row.tool.is_empty()).then_some(&row.tool), "calls": row.calls,
                    "refused": row.refused, "failed": row.failed, "items": row.items, "bytes": row.bytes,
                })
            })
            .collect();
        return say(serde_json::to_string_pretty(&days)?);
    }
    say(format!(
        "{:<10} {:<26} {:>8} {:>8} {:>8} {:>12} {:>16}",
        "DAY", "TOOL", "CALLS", "REFUSED", "FAILED", "ITEMS", "BYTES"
    ))?;
    for DayOfTool { day, tool, calls, refused, failed, items, bytes } in days {
        let tool = if tool.is_empty() { "-".to_owned() } else { clean(tool) };
        say(format!("{day:<10} {tool:<26} {calls:>8} {refused:>8} {failed:>8} {items:>12} {bytes:>16}"))?;
    }
    Ok(())
}
