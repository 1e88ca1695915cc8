//! Input that is not valid: the place, what was expected, what was found.

use crate::name::escape_controls;
use std::fmt;

/// The input is not valid (exit code 65). [`crate::edge`] finds it in an error chain by its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// JSON path of the value, such as `switches[0].budget_w`; empty for the document as a whole.
    pub path: String,
    /// What was expected and what was found.
    pub problem: String,
}

impl Invalid {
    /// An invalid value at `path`.
    pub fn new(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            problem: problem.into(),
        }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", escape_controls(&self.path))?;
        }
        f.write_str(&escape_controls(&self.problem))
    }
}

impl std::error::Error for Invalid {}

/// The name in `known` that `given` was probably meant to be.
///
/// Optimal string alignment distance, at most 1 for names of up to four characters and 2 for longer ones: far enough for a
/// slip of the finger, too near for another word.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = if given.chars().count() <= 4 { 1 } else { 2 };
    known
        .into_iter()
        .filter(|name| name.len().abs_diff(given.len()) <= allowed)
        .map(|name| (strsim::osa_distance(given, name), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, name)| name)
}

/// `; did you mean …?` where a known name is near, else the list of what is known, for an error's end.
pub fn suggestion<'a>(given: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    if let Some(name) = nearest(given, known.clone()) {
        return format!("; did you mean {name:?}?");
    }
    let mut names: Vec<&str> = known.into_iter().collect();
    names.sort_unstable();
    match names.len() {
        0 => String::new(),
        1..=24 => format!("; known are {}", names.join(", ")),
        more => format!("; none of the {more} known names is near"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_near_and_another_word_is_not() {
        let known = ["storage", "switches", "name", "k3s"];
        assert_eq!(nearest("storge", known), Some("storage"));
        assert_eq!(nearest("swithces", known), Some("switches"));
        assert_eq!(nearest("nmae", known), Some("name"));
        assert_eq!(nearest("node", known), None);
        assert_eq!(nearest("x", known), None);
    }

    #[test]
    fn an_error_never_writes_a_control_character() {
        let shown = Invalid::new("a\u{1b}[2J", "found \"\n\"").to_string();
        assert_eq!(shown, "a\\u{1b}[2J: found \"\\n\"");
    }
}
