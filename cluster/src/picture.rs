//! Pictures: plain SVG with one palette, one XML writer, and an estimate of how wide a text becomes.
//!
//! Every tool's picture is made of boxes, lines and words with these colours, so that they look alike beside each other. Text
//! stays text: it can be selected, searched and read aloud. Colours are classes of a style sheet in the picture, so
//! that it follows light and dark; what a colour says is always said in words too.

use crate::finding::{Finding, Severity};
use std::fmt::Write;

mod text;
mod tone;

pub use text::{escape, fit, lines, text_width};
pub use tone::Tone;
use tone::{SCOPE, style_sheet};

/// A rectangle in units of the picture, from its upper left corner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Area {
    /// Its left edge.
    pub x: f64,
    /// Its upper edge.
    pub y: f64,
    /// Its width.
    pub width: f64,
    /// Its height.
    pub height: f64,
}

/// How a text is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Face {
    /// A heading.
    Heading,
    /// Ordinary words.
    Body,
    /// A heading within the picture.
    Strong,
    /// Scales and remarks.
    Small,
}

impl Face {
    /// The height of its letters in units of the picture.
    pub fn size(self) -> f64 {
        match self {
            Self::Heading => 17.0,
            Self::Body | Self::Strong => 13.0,
            Self::Small => 11.0,
        }
    }
}

/// Which point of a text stands at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// Its beginning.
    Start,
    /// Its middle.
    Middle,
    /// Its end.
    End,
}

/// From one line of body text to the next.
const LEADING: f64 = 18.0;
/// The space around everything.
const MARGIN: f64 = 16.0;

/// A picture that is being drawn. Shapes are drawn in the order in which they are added.
#[derive(Debug)]
pub struct Picture {
    id: &'static str,
    title: String,
    description: String,
    width: f64,
    bottom: f64,
    body: String,
}

impl Picture {
    /// An empty picture. Its `id` is the tool's name: several pictures may stand in one page. Who cannot see it gets the title
    /// and the description instead, so the description says what the picture shows, not that it is one.
    pub fn new(id: &'static str, title: &str, description: &str, width: f64) -> Self {
        Self {
            id,
            title: title.to_owned(),
            description: description.to_owned(),
            width,
            bottom: 0.0,
            body: String::new(),
        }
    }

    /// A filled box; `tip` is shown where a pointer rests on it.
    pub fn fill(&mut self, area: Area, tone: Tone, tip: &str) {
        self.shape(area, tone.class(), "", tip);
    }

    /// A box of which only the border is drawn.
    pub fn edge(&mut self, area: Area, tone: Tone, tip: &str) {
        self.shape(area, "", tone.class(), tip);
    }

    fn shape(&mut self, area: Area, fill: &str, edge: &str, tip: &str) {
        self.reach(area.y + area.height);
        let class = match edge {
            "" => fill.to_owned(),
            edge => format!("edge-{edge}"),
        };
        let [x, y, width, height] = [area.x, area.y, area.width, area.height].map(number);
        let _ = write!(
            self.body,
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"2\""
        );
        if tip.is_empty() {
            self.body.push_str("/>\n");
        } else {
            let _ = writeln!(self.body, "><title>{}</title></rect>", escape(tip));
        }
    }

    /// A straight line.
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), tone: Tone) {
        self.reach(from.1.max(to.1));
        let [x1, y1, x2, y2] = [from.0, from.1, to.0, to.1].map(number);
        let class = tone.class();
        let _ = writeln!(
            self.body,
            "<line class=\"edge-{class}\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>"
        );
    }

    /// A line of text whose letters stand on `y`.
    pub fn text(&mut self, (x, y): (f64, f64), face: Face, tone: Tone, anchor: Anchor, text: &str) {
        let size = face.size();
        self.reach(y + size * 0.3);
        let weight = match face {
            Face::Heading | Face::Strong => " font-weight=\"600\"",
            Face::Body | Face::Small => "",
        };
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let ([x, y, size], class) = ([x, y, size].map(number), tone.class());
        let text = escape(text);
        let _ = writeln!(
            self.body,
            "<text class=\"{class}\" x=\"{x}\" y=\"{y}\" font-size=\"{size}\"{weight}{anchor}>{text}</text>"
        );
    }

    /// Body text below `y`, broken to `width`. Returns where what follows may begin.
    pub fn paragraph(&mut self, (x, y): (f64, f64), width: f64, tone: Tone, text: &str) -> f64 {
        let mut at = y;
        for line in lines(text, width, Face::Body.size()) {
            at += LEADING;
            self.text((x, at), Face::Body, tone, Anchor::Start, &line);
        }
        at + LEADING / 4.0
    }

    /// The errors and warnings below `y`; remarks are for the other forms. Returns where what follows may begin.
    pub fn findings(&mut self, (x, y): (f64, f64), width: f64, findings: &[Finding]) -> f64 {
        findings.iter().fold(y, |y, finding| {
            let (tone, word) = match finding.severity {
                Severity::Error => (Tone::Bad, "error"),
                Severity::Warning => (Tone::Ink, "warning"),
                Severity::Info => return y,
            };
            let text = format!("{word}: {}: {}", finding.subject, finding.message);
            self.paragraph((x, y), width, tone, &text)
        })
    }

    fn reach(&mut self, y: f64) {
        self.bottom = self.bottom.max(y);
    }

    /// The picture as an SVG file, as high as what was drawn.
    pub fn finish(self) -> String {
        let (id, title, description) = (self.id, escape(&self.title), escape(&self.description));
        let [width, height] = [self.width, self.bottom + MARGIN].map(number);
        let sheet = style_sheet();
        let body = self.body;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"{SCOPE}\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" style=\"max-width:100%;height:auto\" role=\"img\" \
             aria-labelledby=\"{id}-title {id}-description\" font-family=\"system-ui,sans-serif\">\n\
             <title id=\"{id}-title\">{title}</title>\n\
             <desc id=\"{id}-description\">{description}</desc>\n\
             <style>{sheet}</style>\n\
             <rect class=\"page\" width=\"{width}\" height=\"{height}\"/>\n\
             {body}</svg>\n"
        )
    }
}

/// A number with at most two decimals; XML has no word for what is not finite.
fn number(value: f64) -> String {
    if !value.is_finite() {
        return "0".to_owned();
    }
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_finite() {
        let all = [1.0, 0.25, 1.0 / 3.0, -2.50, f64::NAN, f64::INFINITY].map(number);
        assert_eq!(all, ["1", "0.25", "0.33", "-2.5", "0", "0"]);
    }

    #[test]
    fn a_picture_is_as_high_as_what_is_in_it() {
        let mut picture = Picture::new("tool", "A title", "It shows <this>.", 200.0);
        let area = Area {
            x: 0.0,
            y: 10.0,
            width: 20.0,
            height: 30.0,
        };
        picture.fill(area, Tone::Good, "a tip");
        picture.edge(area, Tone::Group(7), "");
        picture.line((0.0, 0.0), (5.0, 5.0), Tone::Line);
        picture.text((1.0, 2.0), Face::Small, Tone::Ink, Anchor::End, "words");
        let text = picture.finish();
        assert!(text.contains("viewBox=\"0 0 200 56\""), "{text}");
        assert!(text.contains("<title id=\"tool-title\">A title</title>"));
        assert!(text.contains("<desc id=\"tool-description\">It shows &lt;this&gt;.</desc>"));
        assert!(text.contains("<title>a tip</title></rect>"));
        assert!(text.contains("class=\"edge-group1\""));
        assert!(text.contains("text-anchor=\"end\">words</text>"));
        assert!(text.contains("prefers-color-scheme:dark"));
    }
}
