//! Titles and names, put together from the word lists without taking memory.

use std::fmt;

use crate::demo::dice::{Dice, pick};
use crate::demo::encode::{Encoder, Piece};
use crate::demo::words::{ADJECTIVES, AWKWARD, FAMILY, GIVEN, MUSIC_GENRES, NOUNS, NUMERALS, OPENINGS, PLACES, TURNS};

const MOST: usize = 6;

/// A short text of a few fixed pieces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Phrase {
    pieces: [&'static str; MOST],
}

impl Phrase {
    fn of<const N: usize>(words: [&'static str; N]) -> Self {
        let mut pieces = [""; MOST];
        for (slot, word) in pieces.iter_mut().zip(words) {
            *slot = word;
        }
        Self { pieces }
    }

    /// A phrase of one piece.
    pub(crate) fn word(word: &'static str) -> Self {
        Self::of([word])
    }

    /// Writes the phrase as a piece of a text.
    pub(crate) fn write(&self, out: &mut Encoder) {
        for piece in self.pieces.iter().filter(|piece| !piece.is_empty()) {
            out.piece(piece);
        }
    }

    /// Writes the phrase as an attribute.
    pub(crate) fn attribute(&self, out: &mut Encoder, key: &str) {
        out.begin(key);
        self.write(out);
        out.end();
    }

    /// The sort title that Plex would keep beside the title: without a leading article. None where it is the same.
    pub(crate) fn sort_title(&self) -> Option<Self> {
        let mut pieces = self.pieces;
        let first = pieces.first_mut().filter(|first| matches!(**first, "The " | "A " | "An "))?;
        *first = "";
        Some(Self { pieces })
    }
}

impl fmt::Display for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pieces.iter().try_for_each(|piece| f.write_str(piece))
    }
}

/// The title of a film or a show. One in 23 is of the awkward kind.
pub(crate) fn work(dice: &mut Dice, n: u64) -> Phrase {
    if n % 23 == 7 {
        return Phrase::of([pick(AWKWARD, n / 23)]);
    }
    let (adjective, noun, place) = (dice.pick(ADJECTIVES), dice.pick(NOUNS), dice.pick(PLACES));
    match dice.below(8) {
        0 | 1 => Phrase::of(["The ", adjective, " ", noun, " of ", place]),
        2 => Phrase::of([noun, " of ", place]),
        3 => Phrase::of([adjective, " ", noun, " at ", place]),
        4 => Phrase::of([dice.pick(GIVEN), " and the ", noun, " of ", place]),
        5 => Phrase::of([
            if adjective.starts_with(['A', 'E', 'I', 'O', 'U']) { "An " } else { "A " },
            adjective,
            " ",
            noun,
            " for ",
            dice.pick(GIVEN),
        ]),
        6 => Phrase::of([place, ": ", noun, " ", dice.pick(NUMERALS)]),
        _ => Phrase::of(["Beneath ", place, ", ", adjective, " ", noun]),
    }
}

/// The title of an episode, a song or a photo.
pub(crate) fn part(dice: &mut Dice) -> Phrase {
    match dice.below(4) {
        0 => Phrase::of(["The ", dice.pick(NOUNS)]),
        1 => Phrase::of([dice.pick(ADJECTIVES), " ", dice.pick(NOUNS)]),
        2 => Phrase::of([dice.pick(PLACES), " by Night"]),
        _ => Phrase::of([dice.pick(GIVEN), "'s ", dice.pick(NOUNS)]),
    }
}

/// The name of a band or a singer.
pub(crate) fn artist(dice: &mut Dice) -> Phrase {
    match dice.below(3) {
        0 => Phrase::of(["The ", dice.pick(PLACES), " ", dice.pick(NOUNS), "s"]),
        1 => person(dice),
        _ => Phrase::of([dice.pick(ADJECTIVES), " ", dice.pick(MUSIC_GENRES), " Society"]),
    }
}

/// The name of a person.
pub(crate) fn person(dice: &mut Dice) -> Phrase {
    Phrase::of([dice.pick(GIVEN), " ", dice.pick(FAMILY)])
}

/// Writes a summary of so many sentences, at least one.
pub(crate) fn summary(out: &mut Encoder, dice: &mut Dice, sentences: u64) {
    out.pieces(&[Piece::Text(dice.pick(OPENINGS)), Piece::Text(dice.pick(PLACES)), Piece::Text(".")]);
    for _ in 1..sentences {
        out.pieces(&[Piece::Text(" "), Piece::Text(dice.pick(GIVEN)), Piece::Text(dice.pick(TURNS))]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_many_and_sort_without_their_article() {
        let titles: std::collections::BTreeSet<String> =
            (0..2_000).map(|n| work(&mut Dice::new(1, 1, n), n).to_string()).collect();
        assert!(titles.len() > 1_800, "{}", titles.len());
        let title = Phrase::of(["The ", "Brass", " ", "Kettle"]);
        assert_eq!(title.sort_title().unwrap().to_string(), "Brass Kettle");
        assert_eq!(Phrase::of(["Theory"]).sort_title(), None);
    }
}
