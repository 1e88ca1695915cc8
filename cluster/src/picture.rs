//! Pictures: plain SVG with one palette, one XML writer, and an estimate of how wide a text becomes.
//!
//! Every tool's picture is made of boxes, lines and words with these colours, so that they look alike beside each other. Text
//! stays text: it can be selected, searched and read aloud. Colours are classes of a style sheet in the picture, so
//! that it follows light and dark; what a colour says is always said in words too.

use crate::finding::{Finding, Severity};
use crate::name::escape_controls;
use std::borrow::Cow;
use std::fmt::Write;

/// What a shape or a word stands for. The colour follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// The ground of everything.
    Page,
    /// A box on the page: a switch, a node, a disk.
    Panel,
    /// Borders and scales.
    Line,
    /// Words.
    Ink,
    /// Words that matter less.
    Faint,
    /// Used, and as it should be.
    Good,
    /// New, or about to change.
    New,
    /// Enough, with little to spare.
    Warning,
    /// Too much, lost, dark.
    Bad,
    /// One of several groups that are told apart: a replica set, a partition. After the last the first is taken again.
    Group(usize),
}

/// The class of a tone, its colour on light and its colour on dark ground.
type Colour = (&'static str, &'static str, &'static str);

const COLOURS: [Colour; 9] = [
    ("page", "#ffffff", "#16181d"),
    ("panel", "#eff1f4", "#262a32"),
    ("line", "#aab1bc", "#5a6270"),
    ("ink", "#1b1f24", "#e8eaed"),
    ("faint", "#565f6b", "#a4acb8"),
    ("good", "#2a9668", "#3fb883"),
    ("new", "#2f74c0", "#6aa8ee"),
    ("warning", "#c47f13", "#e3a94a"),
    ("bad", "#c93636", "#f07070"),
];

/// The groups' colours can be told apart with the common kinds of colour blindness, by their lightness at least.
const GROUPS: [Colour; 6] = [
    ("group0", "#6a4fa0", "#b7a0ea"),
    ("group1", "#c2571a", "#f2955c"),
    ("group2", "#1f8a70", "#57cdb0"),
    ("group3", "#a8447f", "#e08fc0"),
    ("group4", "#8a7316", "#d9c04f"),
    ("group5", "#5b6675", "#a9b4c4"),
];

impl Tone {
    fn class(self) -> &'static str {
        let place = match self {
            Self::Page => 0,
            Self::Panel => 1,
            Self::Line => 2,
            Self::Ink => 3,
            Self::Faint => 4,
            Self::Good => 5,
            Self::New => 6,
            Self::Warning => 7,
            Self::Bad => 8,
            Self::Group(number) => return GROUPS[number % GROUPS.len()].0,
        };
        COLOURS[place].0
    }
}

/// The class of the root, before every rule of the style sheet: several pictures and a page's own rules live together.
const SCOPE: &str = "cluster-picture";

fn style_sheet() -> String {
    let all = || COLOURS.iter().chain(&GROUPS);
    let mut sheet = String::new();
    for (class, light, _) in all() {
        let _ = write!(sheet, ".{SCOPE} .{class}{{fill:{light}}}");
        let _ = write!(sheet, ".{SCOPE} .edge-{class}{{fill:none;stroke:{light}}}");
    }
    sheet.push_str("@media (prefers-color-scheme:dark){");
    for (class, _, dark) in all() {
        let _ = write!(sheet, ".{SCOPE} .{class}{{fill:{dark}}}");
        let _ = write!(sheet, ".{SCOPE} .edge-{class}{{stroke:{dark}}}");
    }
    sheet.push('}');
    sheet
}

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
