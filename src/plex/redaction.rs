//! Fields that never leave: an export is written without them.

/// Fields that are left out wherever a row is written, by their path from the row: `Media.Part.file`.
#[derive(Clone, Debug, Default)]
pub struct Redaction {
    fields: Vec<String>,
    children: Vec<(String, Redaction)>,
}

impl Redaction {
    /// Compiles paths of names joined by dots.
    pub fn new<'p>(paths: impl IntoIterator<Item = &'p str>) -> Self {
        let mut redaction = Self::default();
        for path in paths {
            redaction.add(path);
        }
        redaction
    }

    fn add(&mut self, path: &str) {
        match path.split_once('.') {
            None => self.fields.push(path.to_owned()),
            Some((child, rest)) => {
                let at = self.children.iter().position(|(name, _)| name == child).unwrap_or_else(|| {
                    self.children.push((child.to_owned(), Self::default()));
                    self.children.len() - 1
                });
                if let Some((_, redaction)) = self.children.get_mut(at) {
                    redaction.add(rest);
                }
            }
        }
    }

    pub(super) fn hides(&self, field: &str) -> bool {
        self.fields.iter().any(|name| name == field)
    }

    pub(super) fn below(&self, child: &str) -> Option<&Self> {
        self.children.iter().find(|(name, _)| name == child).map(|(_, redaction)| redaction)
    }
}
