//! Names of exports: folders and a file name of characters that mean the same to every system and every shell.

use super::writer::Format;
use std::fmt;

/// The longest path, in bytes; well within what every system takes beneath any directory.
const MAX_PATH_BYTES: usize = 240;
/// The longest folder or file name, in bytes.
const MAX_PART_BYTES: usize = 100;
/// What resources of exports begin with.
pub const URI: &str = "plex-export:///";
const MAX_PARTS: usize = 8;
/// Names that Windows keeps for devices, whatever their extension.
const DEVICES: [&str; 6] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];

/// Why a text is no name of an export. Each text follows the name of the argument.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum NameError {
    /// Nothing, or an empty part.
    #[error("must be a file name, or folders and a file name joined by single slashes")]
    Empty,
    /// Over the length or depth.
    #[error("is too long: {MAX_PATH_BYTES} bytes in all, {MAX_PART_BYTES} a part and {MAX_PARTS} parts are the most")]
    TooLong,
    /// Begins with a slash or a drive.
    #[error("must be relative to the exports directory")]
    Absolute,
    /// A character outside the plain ones.
    #[error("may hold letters, digits, spaces and . _ - only")]
    Character,
    /// A part that begins or ends in a way that some system or shell takes amiss.
    #[error("must not have parts that begin with a dot, dash or space, or end with a dot or space")]
    Edge,
    /// A reserved device name.
    #[error("must not use a name that Windows keeps for devices")]
    Device,
    /// Another extension than the format's.
    #[error("must end in .{0}")]
    Extension(&'static str),
}

/// A checked path beneath the exports directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportName {
    folders: Vec<String>,
    file: String,
}

impl ExportName {
    /// Checks `path`, which must end in `extension` (without its dot).
    pub fn parse(path: &str, extension: &'static str) -> Result<Self, NameError> {
        if path.starts_with(['/', '\\']) || path.get(1..2) == Some(":") {
            return Err(NameError::Absolute);
        }
        if path.len() > MAX_PATH_BYTES {
            return Err(NameError::TooLong);
        }
        let mut folders = path.split('/').map(check_part).collect::<Result<Vec<_>, _>>()?;
        if folders.len() > MAX_PARTS {
            return Err(NameError::TooLong);
        }
        let file = folders.pop().ok_or(NameError::Empty)?;
        let stem = file.strip_suffix(extension).and_then(|stem| stem.strip_suffix('.'));
        if stem.is_none_or(str::is_empty) {
            return Err(NameError::Extension(extension));
        }
        Ok(Self { folders, file })
    }

    /// The name of a file of any format, with the format that its extension says; none for what no export is called.
    pub fn parse_any(path: &str) -> Option<(Self, Format)> {
        let format = Format::ALL.into_iter().find(|format| path.ends_with(&format!(".{}", format.extension())))?;
        Some((Self::parse(path, format.extension()).ok()?, format))
    }

    /// The folders, outermost first.
    pub fn folders(&self) -> &[String] {
        &self.folders
    }

    /// The file's name.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The resource that the file is: `plex-export:///folder/films.json`.
    pub fn uri(&self) -> String {
        format!("{URI}{}", self.to_string().replace(' ', "%20"))
    }

    /// The same path with `-number` before the extension.
    #[must_use]
    pub fn numbered(&self, number: u32) -> Self {
        let file = match self.file.rsplit_once('.') {
            Some((stem, extension)) => format!("{stem}-{number}.{extension}"),
            None => format!("{}-{number}", self.file),
        };
        Self { folders: self.folders.clone(), file }
    }
}

impl fmt::Display for ExportName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for folder in &self.folders {
            write!(f, "{folder}/")?;
        }
        f.write_str(&self.file)
    }
}

fn check_part(part: &str) -> Result<String, NameError> {
    if part.is_empty() {
        return Err(NameError::Empty);
    }
    if part.len() > MAX_PART_BYTES {
        return Err(NameError::TooLong);
    }
    // Letters beyond ASCII are left out: systems differ in how they compare and compose them.
    if !part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | '_' | '-')) {
        return Err(NameError::Character);
    }
    if part.starts_with(['.', '-', ' ']) || part.ends_with(['.', ' ']) {
        return Err(NameError::Edge);
    }
    let stem = part.split('.').next().unwrap_or(part).trim_end().to_ascii_uppercase();
    let numbered = ["COM", "LPT"].iter().any(|device| {
        stem.strip_prefix(device).is_some_and(|rest| rest.len() == 1 && rest.bytes().all(|b| b.is_ascii_digit()))
    });
    if numbered || DEVICES.contains(&stem.as_str()) {
        return Err(NameError::Device);
    }
    Ok(part.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn plain_names_are_taken() {
        for path in ["films.json", "2026/films 4k.json", "a/b/c/d_e-f.json", "x.y.json", "CONSOLE.json"] {
            assert_eq!(ExportName::parse(path, "json").expect(path).to_string(), path);
        }
    }

    #[test]
    fn each_other_name_is_refused_with_its_reason() {
        for (path, expected) in [
            ("", NameError::Empty),
            ("a//b.json", NameError::Empty),
            ("folder/", NameError::Empty),
            ("/etc/films.json", NameError::Absolute),
            ("\\\\host\\films.json", NameError::Absolute),
            ("C:films.json", NameError::Absolute),
            ("../films.json", NameError::Edge),
            ("a/../films.json", NameError::Edge),
            (".films.json", NameError::Edge),
            ("-rf.json", NameError::Edge),
            ("a /films.json", NameError::Edge),
            ("~/films.json", NameError::Character),
            ("a\\b.json", NameError::Character),
            ("films\0.json", NameError::Character),
            ("films\n.json", NameError::Character),
            ("f\u{ef}lms.json", NameError::Character),
            ("films:stream.json", NameError::Character),
            ("nul.json", NameError::Device),
            ("a/COM1 .json", NameError::Device),
            ("Lpt9.x.json", NameError::Device),
            ("films.txt", NameError::Extension("json")),
            ("films", NameError::Extension("json")),
            ("json", NameError::Extension("json")),
            ("policy.toml", NameError::Extension("json")),
        ] {
            assert_eq!(ExportName::parse(path, "json").expect_err(path), expected, "{path:?}");
        }
        let long = format!("{}.json", "a".repeat(200));
        assert_eq!(ExportName::parse(&long, "json").expect_err("long"), NameError::TooLong);
        assert_eq!(ExportName::parse(&"a/".repeat(100), "json").expect_err("deep"), NameError::Empty);
        assert_eq!(
            ExportName::parse(&format!("{}a.json", "a/".repeat(9)), "json").expect_err("deep"),
            NameError::TooLong
        );
    }

    proptest! {
        /// Whatever is taken stays beneath the directory on every system, and says the same when printed.
        #[test]
        fn nothing_that_is_taken_leads_out(path in "(\\PC|[./\\\\~:a-c -]){0,40}(\\.json)?") {
            if let Ok(name) = ExportName::parse(&path, "json") {
                prop_assert_eq!(name.to_string(), path.clone());
                for part in path.split('/') {
                    prop_assert!(!part.is_empty() && !part.starts_with(['.', '-', '~', ' ']), "{:?}", part);
                    prop_assert!(part.is_ascii() && !part.contains(['\\', ':', '\0']), "{:?}", part);
                }
                let joined = std::path::Path::new("/exports").join(&path);
                prop_assert!(joined.components().all(|part| !matches!(part, std::path::Component::ParentDir)));
                prop_assert!(joined.starts_with("/exports") && joined.extension().is_some_and(|e| e == "json"));
            }
        }
    }
}
