//! The catalogue: what boards, HATs, USB devices, other devices and switches draw and give. Each figure with its source.

use crate::scenario::PerScenario;
use anyhow::Context;
use cluster::invalid::suggestion;
use cluster::inventory::{PoeStandard, ShedPolicy};
use cluster::quantity::PoeClass;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// How much a figure is worth.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// The maker says so.
    Vendor,
    /// Somebody measured it.
    Measured,
    /// Worked out, or taken over from something similar.
    Estimated,
    /// Heard of. No verdict rests on it.
    Unverified,
}

/// A figure and where it comes from.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figure<T> {
    /// The figure itself.
    pub value: T,
    /// How much it is worth.
    pub confidence: Confidence,
    /// Who says so.
    pub source: String,
}

impl<T: Copy> Figure<T> {
    /// The figure, unless it is unverified: then nothing may rest on it.
    pub fn certain(&self) -> Option<T> {
        (self.confidence != Confidence::Unverified).then_some(self.value)
    }
}

/// A board.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Board {
    /// The name in documents.
    pub model: String,
    /// The name for people.
    pub name: String,
    /// Supply voltage in volts.
    pub supply_v: Figure<f64>,
    /// Current of the board without USB devices, in amperes at `supply_v`.
    pub current_a: Figure<PerScenario<f64>>,
    /// The most that all USB devices together may draw, in amperes at `supply_v`; `None` where its carrier decides that.
    pub usb_a: Option<Figure<f64>>,
}

/// A PoE HAT.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hat {
    /// The name in documents.
    pub model: String,
    /// The name for people.
    pub name: String,
    /// The class that it signals. Where that is not known, one that reserves the most its standard allows.
    pub class: Figure<PoeClass>,
    /// The most that it gives to the board, in watts.
    pub output_w: Figure<f64>,
    /// Part of the power from the cable that reaches the board.
    pub efficiency: Figure<f64>,
    /// The least voltage at its Ethernet socket, in volts.
    pub minimum_v: Figure<f64>,
    /// The models of the boards that it fits. `None` where the source does not tell: then it is proposed for none.
    pub boards: Option<Figure<Vec<String>>>,
}

impl Hat {
    /// Whether it is told to fit this board.
    pub fn suits(&self, board: &str) -> bool {
        let boards = self.boards.as_ref().map(|figure| &figure.value);
        boards.is_some_and(|boards| boards.iter().any(|model| model == board))
    }
}

/// Something on USB.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Usb {
    /// The name in documents.
    pub model: String,
    /// The name for people.
    pub name: String,
    /// The most that it draws, in watts. It counts in every scenario.
    pub draw_w: Figure<f64>,
}

/// A device of its own on a port, such as a travel router.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// The name in documents.
    pub model: String,
    /// The name for people.
    pub name: String,
    /// Draw at its Ethernet socket, in watts.
    pub draw_w: Figure<PerScenario<f64>>,
    /// The class that it signals, where that is known.
    pub class: Option<Figure<PoeClass>>,
}

/// A switch.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// The name in documents.
    pub model: String,
    /// The name for people.
    pub name: String,
    /// Whether somebody far away can switch a port off and on.
    pub managed: bool,
    /// Number of ports.
    pub ports: Figure<u16>,
    /// Number of ports that give power: the lowest numbers.
    pub poe_ports: Figure<u16>,
    /// The standard of those ports.
    pub standard: Figure<PoeStandard>,
    /// The budgets that are attested, in watts, the lowest first. Where there are several, they differ by hardware version
    /// or power adapter. Where none is certain, the document has to declare it.
    pub budgets_w: Vec<Figure<f64>>,
    /// The most that one port gives, in watts, where that is less than its standard allows.
    pub port_limit_w: Option<Figure<f64>>,
    /// Which device goes dark first.
    pub shed_policy: Option<Figure<ShedPolicy>>,
    /// Trouble that people reported with it.
    pub reports: Vec<Report>,
}

impl Model {
    /// The budgets on which a verdict may rest.
    pub fn certain_budgets(&self) -> impl Iterator<Item = f64> {
        self.budgets_w.iter().filter_map(Figure::certain)
    }
}

/// Trouble that somebody reported.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// What happened.
    pub text: String,
    /// Where it was reported.
    pub source: String,
}

/// Everything in the catalogue.
#[derive(Debug)]
pub struct Catalogue {
    /// Boards.
    pub boards: Vec<Board>,
    /// PoE HATs.
    pub hats: Vec<Hat>,
    /// USB devices.
    pub usb: Vec<Usb>,
    /// Other devices.
    pub devices: Vec<Device>,
    /// Switches.
    pub switches: Vec<Model>,
}

impl Catalogue {
    /// The catalogue that the program carries.
    ///
    /// # Errors
    /// The data built into the program is damaged.
    pub fn built_in() -> anyhow::Result<Self> {
        Ok(Self {
            boards: read("boards", include_str!("../data/boards.json"))?,
            hats: read("hats", include_str!("../data/hats.json"))?,
            usb: read("usb", include_str!("../data/usb.json"))?,
            devices: read("devices", include_str!("../data/devices.json"))?,
            switches: read("switches", include_str!("../data/switches.json"))?,
        })
    }
}

fn read<T: DeserializeOwned>(part: &str, text: &str) -> anyhow::Result<Vec<T>> {
    serde_json::from_str(text).with_context(|| format!("reading the catalogue of {part}"))
}

/// Something that a document names by its model.
pub trait Entry {
    /// What it is, for people.
    const KIND: &'static str;

    /// The name in documents.
    fn model(&self) -> &str;
}

macro_rules! entry {
    ($type:ident, $kind:literal) => {
        impl Entry for $type {
            const KIND: &'static str = $kind;

            fn model(&self) -> &str {
                &self.model
            }
        }
    };
}

entry!(Board, "board");
entry!(Hat, "PoE HAT");
entry!(Usb, "USB device");
entry!(Device, "device");
entry!(Model, "switch");

/// The entry of a list by its model.
///
/// # Errors
/// No such model: the sentence offers the nearest name.
pub fn find<'a, T: Entry>(list: &'a [T], model: &str) -> Result<&'a T, String> {
    if let Some(entry) = list.iter().find(|entry| entry.model() == model) {
        return Ok(entry);
    }
    let known: Vec<&str> = list.iter().map(Entry::model).collect();
    let hint = suggestion(model, known.iter().copied());
    Err(format!(
        "expected a {} of the catalogue, found {model:?}{hint}",
        T::KIND
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class;

    /// "Nothing unverified may turn a doubtful case into an ok": where a figure counts, it is at least estimated, or is
    /// the worst that the standard allows.
    #[test]
    fn no_verdict_rests_on_an_unverified_figure() {
        let catalogue = Catalogue::built_in().unwrap();
        for board in &catalogue.boards {
            assert!(board.supply_v.certain().is_some());
            assert!(board.current_a.certain().is_some());
            let usb = board.usb_a.as_ref();
            assert!(usb.is_none_or(|usb| usb.certain().is_some()));
        }
        for hat in &catalogue.hats {
            assert!(hat.output_w.certain().is_some());
            assert!(hat.efficiency.certain().is_some());
            assert!(hat.minimum_v.certain().is_some());
            // The most that 802.3af and 802.3at know.
            let worst = [15.4, 30.0].contains(&class::reserved(hat.class.value).watts());
            assert!(hat.class.certain().is_some() || worst, "{}", hat.model);
            let boards = hat.boards.as_ref();
            assert!(boards.is_none_or(|boards| boards.confidence != Confidence::Unverified));
        }
        let usb = catalogue.usb.iter().map(|usb| usb.draw_w.confidence);
        let devices = catalogue.devices.iter().map(|d| d.draw_w.confidence);
        assert!(usb.chain(devices).all(|c| c != Confidence::Unverified));
        for switch in &catalogue.switches {
            assert!(switch.poe_ports.certain().is_some());
            assert!(switch.standard.certain().is_some());
            let limit = switch.port_limit_w.as_ref();
            assert!(limit.is_none_or(|limit| limit.certain().is_some()));
        }
    }

    #[test]
    fn figures_make_sense_and_have_a_source() {
        let catalogue = Catalogue::built_in().unwrap();
        for board in &catalogue.boards {
            let amps = board.current_a.value;
            assert!(amps.idle <= amps.typical && amps.typical <= amps.stress);
            assert!(!board.current_a.source.is_empty() && !board.name.is_empty());
        }
        for hat in &catalogue.hats {
            assert!((0.5..1.0).contains(&hat.efficiency.value));
            for model in hat.boards.iter().flat_map(|boards| &boards.value) {
                assert!(find(&catalogue.boards, model).is_ok(), "{model}");
            }
        }
        for switch in &catalogue.switches {
            let budgets: Vec<f64> = switch.budgets_w.iter().map(|b| b.value).collect();
            assert!(budgets.windows(2).all(|pair| pair[0] < pair[1]) && !budgets.is_empty());
            assert!(switch.poe_ports.value <= switch.ports.value);
            // What all ports together may take is never less than the budget.
            let standard = class::allowance(switch.standard.value).port.watts();
            let limit = switch.port_limit_w.as_ref().map_or(standard, |l| l.value);
            assert!(limit <= standard, "{}", switch.model);
        }
    }

    /// What the page promises: a catalogue that is broad, each entry once and each figure with its source.
    #[test]
    fn the_catalogue_is_broad_and_names_its_sources() {
        let catalogue = Catalogue::built_in().unwrap();
        let budgets = catalogue.switches.iter();
        let usable = budgets.filter(|switch| switch.certain_budgets().next().is_some());
        assert!(usable.count() >= 25);
        for model in [
            "raspberry-pi-zero-2-w",
            "raspberry-pi-3a-plus",
            "raspberry-pi-3b-plus",
            "raspberry-pi-4b-8gb",
            "raspberry-pi-400",
            "raspberry-pi-5-8gb",
            "raspberry-pi-cm4s",
        ] {
            assert!(find(&catalogue.boards, model).is_ok(), "{model}");
        }
        assert!(find(&catalogue.devices, "gl-inet-gl-ar750").is_ok());
        let files = [
            include_str!("../data/boards.json"),
            include_str!("../data/devices.json"),
            include_str!("../data/hats.json"),
            include_str!("../data/switches.json"),
            include_str!("../data/usb.json"),
        ];
        let mut models = std::collections::HashSet::new();
        for file in files {
            let entries: Vec<serde_json::Value> = serde_json::from_str(file).unwrap();
            for entry in entries {
                let model = entry["model"].as_str().unwrap().to_owned();
                let label = cluster::name::Label::try_from(model.clone());
                assert!(label.is_ok() && models.insert(model.clone()), "{model}");
                assert_sources(&entry, &model);
            }
        }
    }

    fn assert_sources(value: &serde_json::Value, model: &str) {
        let Some(object) = value.as_object() else {
            let list = value.as_array().into_iter().flatten();
            return list.for_each(|item| assert_sources(item, model));
        };
        if object.contains_key("confidence") || object.contains_key("text") {
            let source = object["source"].as_str().unwrap();
            assert!(source.len() > 10, "{model}: {source:?}");
            return;
        }
        object.values().for_each(|item| assert_sources(item, model));
    }

    #[test]
    fn a_slip_in_a_model_is_met_with_its_nearest_name() {
        let catalogue = Catalogue::built_in().unwrap();
        let refused = find(&catalogue.hats, "poe-plus-hta").unwrap_err();
        assert_eq!(
            refused,
            "expected a PoE HAT of the catalogue, found \"poe-plus-hta\"; did you mean \"poe-plus-hat\"?"
        );
        assert!(find(&catalogue.boards, "raspberry-pi-4b-8gb").is_ok());
    }
}
