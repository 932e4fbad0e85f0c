//! Characters that hide or reorder text, or steer a terminal. Titles, summaries and names come from metadata agents and
//! shared users: such characters are taken out of whatever a model or a person is to read.

/// Controls, bidirectional marks, invisible fillers and tag characters. Joiners stay: scripts and emoji are built of them.
pub(crate) fn is_unseen(c: char) -> bool {
    let joins_lines = matches!(c, '\n' | '\t');
    let marks = matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    );
    marks || (c.is_control() && !joins_lines)
}

/// The text on one line, without what is not seen, and its first `most` characters where it is longer.
pub(crate) fn one_line(text: &str, most: usize) -> String {
    let seen = text.chars().filter(|&c| !is_unseen(c)).map(|c| if c.is_whitespace() { ' ' } else { c });
    let mut line: String = seen.take(most.saturating_add(1)).collect();
    if let Some((end, _)) = line.char_indices().nth(most) {
        line.truncate(end);
        line.push('\u{2026}');
    }
    line
}
