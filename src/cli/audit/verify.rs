//! `plex-mcp audit verify`: what is not as it was written, in words.

use crate::{
    cli::{Failure, say},
    guard::Verification,
};

/// So many numbers or ranges are printed of each kind.
const MAX_SHOWN: usize = 50;

pub(super) fn run(found: &Verification) -> Result<(), Failure> {
    for line in lines(found) {
        say(line)?;
    }
    if !found.unended.is_empty() {
        say(format!("began and never ended: {} (their process was killed, or they still run)", rows(&found.unended)))?;
    }
    if !found.is_whole() {
        return Err(Failure::Failed(anyhow::anyhow!("the ledger is not whole")));
    }
    say(format!(
        "the ledger is whole: {} rows, {} entries in the chain, {} that never ended",
        found.rows,
        found.entries,
        found.unended.len()
    ))
}

fn lines(found: &Verification) -> Vec<String> {
    let mut lines = Vec::new();
    if found.key_missing {
        lines.push("key missing: without it no row can be vouched for".to_owned());
    }
    if found.head_missing {
        lines.push("head missing: whether rows are gone from the end can't be told".to_owned());
    }
    if found.head_replaced {
        lines.push("head replaced: it is not signed with the ledger's key".to_owned());
    }
    if found.checkpoint_altered {
        lines.push("checkpoint altered: what the ledger says of its first row is not what the server wrote".to_owned());
    }
    for (name, list) in [
        ("altered", &found.altered),
        ("removed", &found.removed),
        ("inserted", &found.inserted),
        ("reordered", &found.reordered),
        ("passed by an approval that was used before", &found.approved_twice),
    ] {
        if !list.is_empty() {
            lines.push(format!("{name}: {}", rows(list)));
        }
    }
    if found.tail_cut && found.cut.is_empty() {
        lines.push("tail cut: entries are gone from the end".to_owned());
    } else if found.tail_cut {
        lines.push(format!("tail cut: {} or their ends are gone", rows(&found.cut)));
    }
    for (entry, gap) in &found.gaps {
        lines.push(format!("gap: when entry {entry} was written, {}", gap.replace(char::is_control, "")));
    }
    if found.unchained > 0 {
        lines.push(format!("unchained: {} rows of an older version, which nothing vouches for", found.unchained));
    }
    lines
}

/// Numbers with those that follow one another drawn together: `row 3`, `rows 3, 5-9`.
fn rows(numbers: &[i64]) -> String {
    let mut ranges: Vec<(i64, i64)> = Vec::new();
    for &number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    let shown: Vec<_> = ranges
        .iter()
        .take(MAX_SHOWN)
        .map(|(first, last)| if first == last { first.to_string() } else { format!("{first}-{last}") })
        .collect();
    let more = if ranges.len() > MAX_SHOWN { ", and more" } else { "" };
    format!("{} {}{more}", if numbers.len() == 1 { "row" } else { "rows" }, shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_a_row_are_drawn_together() {
        assert_eq!(rows(&[3]), "row 3");
        assert_eq!(rows(&[1, 2, 3, 5, 7, 8]), "rows 1-3, 5, 7-8");
        let many: Vec<i64> = (0..200).map(|n| n * 2).collect();
        assert!(rows(&many).ends_with("98, and more"));
    }
}
