//! A node: its board, HAT and USB devices, what they draw together, and the limits behind the port.

use crate::catalogue::{Board, Catalogue, Confidence, Hat, find};
use crate::name::Name;
use crate::scenario::PerScenario;
use crate::watts::Milliwatts;
use cluster::invalid::Invalid;
use cluster::inventory::{Draw, Node, Role, UsbStick, UsbUse};
use cluster::quantity::PoeClass;

/// The most that USB 3 allows a device: six unit loads of 150 mA at 5 V (USB 3.2, section 11.4.1), in watts.
const USB_DEVICE_MOST_W: f64 = 4.5;
/// What a HAT's efficiency may be: below that it would be a heater, and the number is a slip.
const EFFICIENCY: std::ops::RangeInclusive<f64> = 0.3..=1.0;

/// What a HAT passes on.
#[derive(Debug, Clone, Copy)]
pub struct HatLimit {
    /// The most that it gives to the board.
    pub output: Milliwatts,
    /// Part of the power from the cable that reaches the board.
    pub efficiency: f64,
    /// Whether the efficiency is the catalogue's guess.
    pub assumed: bool,
}

/// What matters here of a node.
#[derive(Debug)]
pub struct NodeFacts<'c> {
    /// Its name.
    pub name: Name,
    /// Its HAT, where the catalogue has it.
    pub hat: Option<&'c Hat>,
    /// Whether it stands on a port.
    pub connected: bool,
    /// Its board, where the catalogue has it.
    pub board: Option<&'c Board>,
    efficiency: Option<f64>,
    usb_w: f64,
    usb_limit_w: Option<f64>,
    usb_confidence: Option<Confidence>,
    /// The draw that the document declares for it.
    pub draw: Option<Box<Draw>>,
    /// What its port was seen to give.
    pub measured: Option<Box<Draw>>,
    /// The class that the document declares for it.
    pub class: Option<PoeClass>,
    /// Its part in K3s.
    pub role: Option<Role>,
    /// How many of its USB devices are for bricks.
    pub bricks: usize,
    /// The first of its models that the catalogue does not have.
    pub unknown: Option<Box<Invalid>>,
    /// Its place in the document.
    pub place: usize,
}

impl<'c> NodeFacts<'c> {
    /// Takes from the node at `place` of the document what matters here.
    ///
    /// # Errors
    /// An efficiency that no HAT has.
    pub fn new(node: &mut Node, place: usize, catalogue: &'c Catalogue) -> Result<Self, Invalid> {
        let mut unknown = None;
        let mut missing = |field: &str, problem: String| {
            let path = format!("nodes[{place}].{field}");
            unknown.get_or_insert_with(|| Box::new(Invalid::new(path, problem)));
        };
        let model = node.model.as_ref();
        let board = model.and_then(|model| {
            let found = find(&catalogue.boards, model.as_str());
            found.map_err(|problem| missing("model", problem)).ok()
        });
        let hat = node.hat.as_ref().and_then(|model| {
            let found = find(&catalogue.hats, model.as_str());
            found.map_err(|problem| missing("hat", problem)).ok()
        });
        let mut facts = Self {
            name: node.name.as_str().into(),
            hat,
            connected: false,
            board,
            efficiency: efficiency(node, place)?,
            usb_w: 0.0,
            usb_limit_w: node.usb_limit_w.map(|limit| limit.0),
            usb_confidence: None,
            draw: node.draw_w.take(),
            measured: node.measured_w.take(),
            class: node.class,
            role: node.role,
            bricks: (node.usb.iter())
                .filter(|usb| usb.purpose == UsbUse::Brick)
                .count(),
            unknown: None,
            place,
        };
        for (index, usb) in node.usb.iter().enumerate() {
            let problem = facts.add_usb(usb, catalogue).err();
            if let Some(problem) = problem {
                missing(&format!("usb[{index}].model"), problem);
            }
        }
        facts.unknown = unknown;
        Ok(facts)
    }

    fn add_usb(&mut self, usb: &UsbStick, catalogue: &Catalogue) -> Result<(), String> {
        let (watts, confidence) = match &usb.model {
            Some(model) => {
                let figure = &find(&catalogue.usb, model.as_str())?.draw_w;
                (figure.value, figure.confidence)
            }
            None => (USB_DEVICE_MOST_W, Confidence::Estimated),
        };
        self.usb_w += watts;
        self.usb_confidence = self.usb_confidence.max(Some(confidence));
        Ok(())
    }

    /// Whether it has a HAT and no supply of its own, as a draw of nothing says.
    pub fn wants_power(&self) -> bool {
        let given = self.measured.as_deref().or(self.draw.as_deref());
        let nothing = |draw: &Draw| {
            let all = [draw.boot, draw.idle, draw.typical, draw.stress];
            all.iter()
                .all(|watts| Milliwatts::nearest(watts.0) == Milliwatts::ZERO)
        };
        self.hat.is_some() && !given.is_some_and(nothing)
    }

    /// What its HAT passes on.
    pub fn hat_limit(&self) -> Option<HatLimit> {
        let hat = self.hat?;
        let guess = hat.efficiency.confidence >= Confidence::Estimated;
        Some(HatLimit {
            output: Milliwatts::nearest(hat.output_w.value),
            efficiency: self.efficiency.unwrap_or(hat.efficiency.value),
            assumed: self.efficiency.is_none() && guess,
        })
    }

    /// The draw at its Ethernet socket, from board, USB devices and HAT.
    pub fn estimate(&self) -> Option<(PerScenario<Milliwatts>, Confidence)> {
        let (board, hat, limit) = (self.board?, self.hat?, self.hat_limit()?);
        let draw = board.current_a.value.map(|amps| {
            let output_w = amps * board.supply_v.value + self.usb_w;
            Milliwatts::nearest(output_w / limit.efficiency)
        });
        let efficiency = match self.efficiency {
            Some(_) => None,
            None => Some(hat.efficiency.confidence),
        };
        let weakest = [
            Some(board.current_a.confidence),
            self.usb_confidence,
            efficiency,
        ];
        Some((draw, weakest.into_iter().flatten().max()?))
    }

    /// All USB devices together and what the board allows them, where that is exceeded.
    pub fn usb_over(&self) -> Option<(Milliwatts, Milliwatts)> {
        let of_board = || {
            let board = self.board?;
            Some(board.usb_a.as_ref()?.value * board.supply_v.value)
        };
        let limit = self.usb_limit_w.or_else(of_board)?;
        let drawn = Milliwatts::nearest(self.usb_w);
        let allowed = Milliwatts::nearest(limit);
        (drawn > allowed).then_some((drawn, allowed))
    }
}

/// The efficiency that the document declares for the node's HAT.
fn efficiency(node: &Node, place: usize) -> Result<Option<f64>, Invalid> {
    let declared = node.hat_efficiency.map(|ratio| ratio.0);
    let Some(ratio) = declared.filter(|ratio| !EFFICIENCY.contains(ratio)) else {
        return Ok(declared);
    };
    let (low, high) = (EFFICIENCY.start(), EFFICIENCY.end());
    let problem = format!("expected a ratio from {low} to {high}, found {ratio}");
    let path = format!("nodes[{place}].hat_efficiency");
    Err(Invalid::new(path, problem))
}
