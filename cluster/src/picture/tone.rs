//! What colours stand for, and the style sheet that holds them.

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
    pub(super) fn class(self) -> &'static str {
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
pub(super) const SCOPE: &str = "cluster-picture";

pub(super) fn style_sheet() -> String {
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
