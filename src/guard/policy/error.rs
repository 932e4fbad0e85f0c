//! What is wrong with a policy, each fault with its place.

use std::fmt;

/// One fault of a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {}{message}", .path.is_empty().then(String::new).unwrap_or_else(|| format!("{path}: ")))]
pub struct PolicyError {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The place as a JSON pointer; empty for the whole text.
    pub path: String,
    /// What is wrong, and the nearest right name where there is one.
    pub message: String,
}

/// All faults of a policy, in the order of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyErrors(pub Vec<PolicyError>);

impl fmt::Display for PolicyErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for PolicyErrors {}
