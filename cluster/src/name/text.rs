//! Text as a terminal shows it: nothing in it that hides or reorders, and lines that fit.

use std::borrow::Cow;

/// `text` with every control character, and every character that reorders the text around it, written as its escape.
pub fn escape_controls(text: &str) -> Cow<'_, str> {
    let hostile = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(hostile) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if hostile(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// Appends `text` behind `lead`, broken at spaces to 80 columns and indented as `lead` is long.
pub fn wrap(out: &mut String, lead: &str, text: &str) {
    const COLUMNS: usize = 80;
    let indent = lead.chars().count();
    let mut column = indent;
    out.push_str(lead);
    for (index, word) in escape_controls(text).split_whitespace().enumerate() {
        let width = word.chars().count();
        if index > 0 && column + 1 + width > COLUMNS {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            column = indent;
        } else if index > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += width;
    }
    out.push('\n');
}
