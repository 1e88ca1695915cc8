//! Pictures: plain SVG with text that can be selected, and one set of colours for all tools.

use crate::name::escape_controls;

/// Colours, as `#rrggbb`. Text on each of its grounds has a contrast of at least 4.5 (WCAG 2.1, 1.4.3).
pub mod palette {
    /// Text.
    pub const INK: &str = "#1d2733";
    /// Text of less weight.
    pub const MUTED: &str = "#56616e";
    /// Edges of boxes.
    pub const LINE: &str = "#8593a3";
    /// The ground.
    pub const PAPER: &str = "#ffffff";
    /// Text on a colour of [`SERIES`].
    pub const ON_SERIES: &str = "#ffffff";
    /// Things of the same kind, told apart (after Okabe and Ito, darkened for white text).
    pub const SERIES: [&str; 6] = [
        "#00629b", "#a34700", "#00704e", "#8f3f71", "#6b5900", "#4a4a9c",
    ];

    /// The colour of the thing of this number.
    pub fn series(index: usize) -> &'static str {
        SERIES[index % SERIES.len()]
    }
}

/// A picture in the making. Coordinates are pixels from the left upper corner.
#[derive(Debug)]
pub struct Svg {
    title: String,
    description: String,
    body: String,
}

impl Svg {
    /// With a title, which browsers show and screen readers read, and a sentence about it.
    pub fn new(title: &str, description: &str) -> Self {
        Self {
            title: title.to_owned(),
            description: description.to_owned(),
            body: String::new(),
        }
    }

    /// Text; `y` is its base line, `size` its height.
    pub fn text(&mut self, x: u32, y: u32, size: u32, colour: &str, text: &str) {
        let text = escape(text);
        self.body.push_str(&format!(
            "  <text x=\"{x}\" y=\"{y}\" font-size=\"{size}\" fill=\"{colour}\">{text}</text>\n"
        ));
    }

    /// A filled rectangle.
    pub fn block(&mut self, x: u32, y: u32, width: u32, height: u32, colour: &str) {
        self.body.push_str(&format!("  <rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"3\" fill=\"{colour}\"/>\n"));
    }

    /// A rectangle with an edge.
    pub fn frame(&mut self, x: u32, y: u32, width: u32, height: u32, edge: &str, ground: &str) {
        self.body.push_str(&format!(
            "  <rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"6\" fill=\"{ground}\" stroke=\"{edge}\"/>\n"
        ));
    }

    /// The whole file.
    pub fn finish(self, width: u32, height: u32) -> String {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
             role=\"img\" font-family=\"system-ui, sans-serif\">\n  <title>{}</title>\n  <desc>{}</desc>\n  \
             <rect width=\"{width}\" height=\"{height}\" fill=\"{}\"/>\n{}</svg>\n",
            escape(&self.title),
            escape(&self.description),
            palette::PAPER,
            self.body
        )
    }
}

/// Text as XML holds it; control characters, which XML cannot hold, as their escapes.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in escape_controls(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_stays_text() {
        let mut svg = Svg::new("a < b & \"c\"", "d");
        svg.text(1, 2, 3, palette::INK, "</text><script>\u{1b}\u{0}]]>");
        let text = svg.finish(10, 20);
        assert!(text.contains("<title>a &lt; b &amp; &quot;c&quot;</title>"));
        assert!(text.contains("&lt;/text&gt;&lt;script&gt;\\u{1b}\\u{0}]]&gt;"));
    }

    #[test]
    fn text_can_be_read_on_its_ground() {
        let luminance = |colour: &str| {
            let part = |at: usize| {
                let c = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
                if c <= 0.03928 {
                    c / 12.92
                } else {
                    ((c + 0.055) / 1.055).powf(2.4)
                }
            };
            0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
        };
        let contrast = |a: &str, b: &str| {
            let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
            a.max(b) / a.min(b)
        };
        assert!(contrast(palette::INK, palette::PAPER) > 4.5);
        assert!(contrast(palette::MUTED, palette::PAPER) > 4.5);
        for colour in palette::SERIES {
            assert!(contrast(colour, palette::ON_SERIES) > 4.5, "{colour}");
        }
    }
}
