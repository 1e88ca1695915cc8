//! What people read: text as a terminal shows it, and findings as lines.

use crate::finding::{Finding, Severity};
use crate::name::{escape_controls, wrap};

/// Text for people as it is printed. Names of a card, of a router or of somebody else's answer get into it, and none of
/// them may move a terminal's cursor.
pub fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (line, end) = match line.strip_suffix('\n') {
            Some(line) => (line, "\n"),
            None => (line, ""),
        };
        shown.push_str(&escape_controls(line));
        shown.push_str(end);
    }
    shown
}

/// The findings of a verdict as lines for people, the worst first: `error    sw1: message` and the remedy below.
pub fn findings_text(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let word = match finding.severity {
            Severity::Error => "error  ",
            Severity::Warning => "warning",
            Severity::Info => "info   ",
        };
        let line = format!("{}: {}", finding.subject, finding.message);
        wrap(&mut text, &format!("{word}  "), &line);
        if let Some(fix) = &finding.fix {
            wrap(&mut text, "         -> ", fix);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn no_text_moves_the_cursor() {
        assert_eq!(shown("a\n b\u{1b}[2J\r\n\nc"), "a\n b\\u{1b}[2J\\r\n\nc");
        assert_eq!(shown("one\n"), "one\n");
    }
}
