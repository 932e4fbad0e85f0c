//! The tools a policy is read for, and the arguments that its conditions may look at.

use super::subject::Subject;

/// What a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// A text.
    Text,
    /// A whole number.
    Integer,
    /// A number that may have a fraction.
    Number,
    /// True or false.
    Flag,
    /// A list, of that where it is known.
    List(Option<Box<ValueType>>),
    /// Something that conditions can't look into.
    Other,
}

impl ValueType {
    /// What it is called in the errors of a policy.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Flag => "true or false",
            Self::List(_) => "a list",
            Self::Other => "an object",
        }
    }
}

/// An argument of a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// Its name.
    pub name: String,
    /// What it takes.
    pub takes: ValueType,
    /// The only texts that it takes; empty where it takes any.
    pub choices: Vec<String>,
    /// The least number that it takes.
    pub least: Option<i64>,
    /// The greatest number that it takes.
    pub most: Option<i64>,
    /// Whether it has a value in every call, because it is required or has a default.
    pub always: bool,
}

/// All tools. What arguments a tool has is asked only where a condition looks at one, since describing them takes time.
#[derive(Clone, Copy, Debug)]
pub struct Catalogue<'a> {
    subjects: &'a [Subject],
    arguments: fn(&str) -> Vec<Argument>,
}

impl<'a> Catalogue<'a> {
    /// The tools, and where to ask for the arguments of one by its name.
    pub fn new(subjects: &'a [Subject], arguments: fn(&str) -> Vec<Argument>) -> Self {
        Self { subjects, arguments }
    }

    pub(super) fn subjects(&self) -> &'a [Subject] {
        self.subjects
    }

    pub(super) fn arguments(&self, tool: &str) -> Vec<Argument> {
        (self.arguments)(tool)
    }
}

/// Tools of which no arguments are known.
impl<'a> From<&'a [Subject]> for Catalogue<'a> {
    fn from(subjects: &'a [Subject]) -> Self {
        Self::new(subjects, |_| Vec::new())
    }
}

impl<'a, const N: usize> From<&'a [Subject; N]> for Catalogue<'a> {
    fn from(subjects: &'a [Subject; N]) -> Self {
        subjects.as_slice().into()
    }
}

impl<'a> From<&'a Vec<Subject>> for Catalogue<'a> {
    fn from(subjects: &'a Vec<Subject>) -> Self {
        subjects.as_slice().into()
    }
}
