//! Text in a picture: written as XML takes it, measured, cut and broken to a width.

use crate::name::escape_controls;
use std::borrow::Cow;

/// Text as it stands in an XML text or attribute: nothing in it is markup, and no character is one that XML 1.0 forbids.
pub fn escape(text: &str) -> Cow<'_, str> {
    let shown = escape_controls(text);
    let special = |c: char| matches!(c, '&' | '<' | '>' | '"' | '\'' | '\u{fffe}' | '\u{ffff}');
    if !shown.contains(special) {
        return shown;
    }
    let mut out = String::with_capacity(shown.len() + 16);
    for c in shown.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// How wide a text becomes in units of the picture, at most: by DejaVu Sans, which is wider than what else a browser takes
/// for `sans-serif`.
pub fn text_width(text: &str, size: f64) -> f64 {
    let em = |c: char| match c {
        'i' | 'j' | 'l' | 'I' | '\'' | '|' | '.' | ',' | ':' | ';' | '!' | ' ' => 0.34,
        'f' | 'r' | 't' | '(' | ')' | '[' | ']' | '/' | '-' | '"' => 0.42,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 0.99,
        'A'..='Z' => 0.79,
        c if c.is_ascii() => 0.64,
        // Scripts whose letters are as wide as they are high.
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{1f000}'..='\u{3ffff}' => 1.05,
        _ => 0.84,
    };
    escape_controls(text).chars().map(em).sum::<f64>() * size
}

/// As much of a text as `width` holds, the rest as an ellipsis.
pub fn fit(text: &str, width: f64, size: f64) -> Cow<'_, str> {
    if text_width(text, size) <= width {
        return Cow::Borrowed(text);
    }
    let mut end = 0;
    for (at, c) in text.char_indices() {
        let next = at + c.len_utf8();
        if text_width(&text[..next], size) + text_width("…", size) > width {
            break;
        }
        end = next;
    }
    Cow::Owned(format!("{}…", &text[..end]))
}

/// A text in lines of at most `width`, broken at spaces; a word that is longer is cut.
pub fn lines(text: &str, width: f64, size: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let joined = match lines.last() {
            Some(line) => format!("{line} {word}"),
            None => word.to_owned(),
        };
        let fits = text_width(&joined, size) <= width;
        match lines.last_mut() {
            Some(line) if fits => *line = joined,
            _ => lines.push(fit(word, width, size).into_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_markup() {
        assert_eq!(escape("plain"), "plain");
        assert_eq!(
            escape("<a b='c'>\"&\u{0}\u{202e}\u{fffe}\u{1b}"),
            "&lt;a b=&#39;c&#39;&gt;&quot;&amp;\\u{0}\\u{202e}\u{fffd}\\u{1b}"
        );
    }

    #[test]
    fn text_is_cut_to_its_width() {
        assert_eq!(fit("pi1", 100.0, 13.0), "pi1");
        let cut = fit("a-very-long-name-of-a-node", 80.0, 13.0);
        assert!(
            cut.ends_with('…') && text_width(&cut, 13.0) <= 80.0,
            "{cut}"
        );
        assert_eq!(fit("ünïcödé", 20.0, 13.0), "…");
        assert!(text_width("漢字", 10.0) > text_width("il", 10.0));
    }

    #[test]
    fn text_is_broken_at_spaces() {
        assert_eq!(lines("one two  three", 1000.0, 13.0), ["one two three"]);
        assert_eq!(lines("one two three", 60.0, 13.0), ["one two", "three"]);
        assert!(lines("", 60.0, 13.0).is_empty());
        let all = lines("averylongwordthatfitsnowhere a", 60.0, 13.0);
        assert!(all[0].ends_with('…') && all[1] == "a", "{all:?}");
    }
}
