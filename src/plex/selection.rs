//! Which fields of a row are written: those that were chosen, but for those that never leave.

use super::iso;
use std::sync::atomic::{AtomicBool, Ordering};

/// Fields by their paths from the row: `title`, `Media.Part.file`. A path that ends in a child means all that is in it.
#[derive(Debug, Default)]
pub struct Paths {
    names: Vec<Name>,
    children: Vec<(String, Paths)>,
}

#[derive(Debug)]
struct Name {
    text: String,
    /// Whether a row had it.
    met: AtomicBool,
}

impl Paths {
    /// Compiles paths of names joined by dots.
    pub fn new<'p>(paths: impl IntoIterator<Item = &'p str>) -> Self {
        let mut compiled = Self::default();
        for path in paths {
            compiled.add(path);
        }
        compiled
    }

    fn add(&mut self, path: &str) {
        match path.split_once('.') {
            None => self.names.push(Name { text: path.to_owned(), met: AtomicBool::new(false) }),
            Some((child, rest)) => {
                let at = self.children.iter().position(|(name, _)| name == child).unwrap_or_else(|| {
                    self.children.push((child.to_owned(), Self::default()));
                    self.children.len() - 1
                });
                if let Some((_, paths)) = self.children.get_mut(at) {
                    paths.add(rest);
                }
            }
        }
    }

    /// Whether a field or child of that name is named whole.
    pub(super) fn names(&self, field: &str) -> bool {
        let found = self.names.iter().find(|name| name.text == field);
        // Written once only: other threads read it all the time.
        if let Some(name) = found.filter(|name| !name.met.load(Ordering::Relaxed)) {
            name.met.store(true, Ordering::Relaxed);
        }
        found.is_some()
    }

    pub(super) fn below(&self, child: &str) -> Option<&Self> {
        self.children.iter().find(|(name, _)| name == child).map(|(_, paths)| paths)
    }

    /// The paths that no row had so far.
    pub fn unmet(&self) -> Vec<String> {
        let own = self.names.iter().filter(|name| !name.met.load(Ordering::Relaxed)).map(|name| name.text.clone());
        let below = self
            .children
            .iter()
            .flat_map(|(child, paths)| paths.unmet().into_iter().map(move |path| format!("{child}.{path}")));
        own.chain(below).collect()
    }
}

/// What is written of each row.
#[derive(Debug, Default)]
pub struct Selection {
    /// Only these; none for all.
    pub keep: Option<Paths>,
    /// All but these, chosen or not.
    pub hide: Option<Paths>,
    /// With a date as people read it beside each of the row's points in time.
    pub dates: bool,
}

impl Selection {
    pub(super) fn shape(&self) -> Shape<'_> {
        let hide = Shape::of_redaction(self.hide.as_ref());
        Shape { keep: self.keep.as_ref(), dates: self.dates || self.keep.is_some(), ..hide }
    }
}

/// A selection as it stands at one element of a row.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shape<'s> {
    keep: Option<&'s Paths>,
    hide: Option<&'s Paths>,
    /// What is hidden of an item, where one stands in another: the file of an extra is a file, too.
    of_items: Option<&'s Paths>,
    /// Whether this is such an item.
    inner: bool,
    dates: bool,
}

impl<'s> Shape<'s> {
    pub(super) fn of_redaction(hide: Option<&'s Paths>) -> Self {
        Self { hide, of_items: hide, ..Self::default() }
    }

    /// Whether all is written, as it is.
    pub(super) fn is_whole(&self) -> bool {
        self.keep.is_none() && self.hide.is_none() && self.of_items.is_none() && !self.dates
    }

    /// Whether an attribute is written.
    pub(super) fn writes(&self, name: &str) -> bool {
        self.keep.is_none_or(|keep| keep.names(name)) && !self.hides(name)
    }

    /// Whether the attribute is a point in time whose date is written, too.
    pub(super) fn writes_date_of(&self, name: &str) -> bool {
        if !self.dates || !iso::is_date(name) {
            return false;
        }
        let date = iso::name_of(name);
        self.keep.is_none_or(|keep| keep.names(&date)) && !self.hides(name) && !self.hides(&date)
    }

    /// What is written of the children of that name; none for nothing.
    pub(super) fn below(&self, child: &str) -> Option<Self> {
        if self.hides(child) {
            return None;
        }
        let keep = match self.keep {
            Some(keep) if !keep.names(child) => Some(keep.below(child)?),
            _ => None,
        };
        let below = |hide: Option<&'s Paths>| hide.and_then(|hide| hide.below(child));
        let inner = self.of_items.is_some() && child == "Metadata";
        let hide = if self.inner { below(self.of_items).or_else(|| below(self.hide)) } else { below(self.hide) };
        Some(Self { keep, hide, of_items: self.of_items, inner, dates: false })
    }

    fn hides(&self, name: &str) -> bool {
        let hides = |hide: Option<&Paths>| hide.is_some_and(|hide| hide.names(name));
        hides(self.hide) || (self.inner && hides(self.of_items))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plex::xml::{Arena, Document};

    fn written(selection: &Selection, first: Option<(&str, &str)>) -> String {
        let xml = r#"<MediaContainer><Video title="T" addedAt="0" updatedAt="99999999999999" ratingKey="1">
            <Media id="2" width="9"><Part id="3" file="/f"/></Media><Genre id="4" tag="G"/></Video></MediaContainer>"#;
        let mut document = Document::open(xml).unwrap();
        let mut arena = Arena::default();
        let mut out = Vec::new();
        document.next_row(&mut arena).unwrap().unwrap().write_selected(&mut out, selection, first);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn chosen_fields_are_written_and_hidden_ones_never() {
        let keep = |paths: &[&str]| Some(Paths::new(paths.iter().copied()));
        let of = |paths: &[&str]| Selection { keep: keep(paths), ..Selection::default() };
        assert_eq!(written(&of(&["ratingKey", "guid", "title"]), None), r#"{"title":"T","ratingKey":"1"}"#);
        assert_eq!(written(&of(&["Media.Part.file"]), None), r#"{"Media":[{"Part":[{"file":"/f"}]}]}"#);
        assert_eq!(written(&of(&["Genre"]), None), r#"{"Genre":[{"id":4,"tag":"G"}]}"#);
        assert_eq!(written(&of(&["addedAtIso"]), None), r#"{"addedAtIso":"1970-01-01T00:00:00Z"}"#);
        assert_eq!(written(&of(&["nothing"]), Some(("nothing", "5"))), r#"{"nothing":"5"}"#);
        assert_eq!(written(&of(&["title", "x"]), Some(("x", "5"))), r#"{"x":"5","title":"T"}"#);
        let hide = keep(&["Media.Part.file", "Genre", "addedAt", "x"]);
        let selection = Selection { hide, dates: true, ..Selection::default() };
        assert_eq!(
            written(&selection, Some(("x", "5"))),
            r#"{"title":"T","updatedAt":99999999999999,"updatedAtIso":null,"ratingKey":"1","Media":[{"id":2,"width":9,"Part":[{"id":3}]}]}"#
        );
        let both = Selection { keep: keep(&["Media", "title"]), hide: keep(&["Media.Part"]), dates: false };
        assert_eq!(written(&both, None), r#"{"title":"T","Media":[{"id":2,"width":9}]}"#);
    }

    #[test]
    fn what_is_hidden_of_an_item_is_hidden_of_an_item_in_it() {
        let xml = r#"<MediaContainer><Video ratingKey="1"><Extras size="1"><Video ratingKey="2"><Media id="3">
            <Part id="4" file="/secret"/></Media></Video></Extras></Video></MediaContainer>"#;
        let hide = Some(Paths::new(["Media.Part.file", "Extras.size"]));
        let mut document = Document::open(xml).unwrap();
        let mut arena = Arena::default();
        let mut out = Vec::new();
        let selection = Selection { hide, ..Selection::default() };
        document.next_row(&mut arena).unwrap().unwrap().write_selected(&mut out, &selection, None);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"{"ratingKey":"1","Extras":{"Metadata":[{"ratingKey":"2","Media":[{"id":3,"Part":[{"id":4}]}]}]}}"#
        );
    }

    #[test]
    fn a_field_that_no_row_had_is_known() {
        let keep = Some(Paths::new(["title", "titel", "Media.Part.file", "Media.Part.fiel", "addedAtIso"]));
        let selection = Selection { keep, ..Selection::default() };
        written(&selection, None);
        assert_eq!(selection.keep.unwrap().unmet(), ["titel", "Media.Part.fiel"]);
    }
}
