//! Supply: what a switch gives.

use crate::catalogue::{Catalogue, Model, find};
use crate::class::{self, Allowance};
use crate::demand::Load;
use crate::name::Name;
use crate::watts::Milliwatts;
use cluster::invalid::Invalid;
use cluster::inventory::{Allocation, PoeStandard, ShedPolicy, Switch};

/// What a port may carry, in volts: from passive PoE's lowest up to the limit of safe extra-low voltage (IEC 62368-1).
const VOLTS: std::ops::RangeInclusive<f64> = 10.0..=60.0;

/// A switch and what hangs on it.
#[derive(Debug)]
pub struct Supply<'c> {
    /// Its name.
    pub name: Name,
    /// Its entry in the catalogue.
    pub model: Option<&'c Model>,
    /// The budgets that can be true, the lowest first: the declared one, else all that are attested for the model.
    pub budgets: Vec<Milliwatts>,
    /// Whether the budget is declared in the document.
    pub declared: bool,
    /// How it counts a port; `None` where that is not known.
    pub allocation: Option<Allocation>,
    /// Number of ports that give power.
    pub poe_ports: u16,
    /// What the standard of its ports allows.
    pub standard: Allowance,
    /// Whether the standard is assumed.
    pub standard_assumed: bool,
    /// The most that a port gives.
    pub port_limit: Milliwatts,
    /// Voltage at the port in volts.
    pub voltage_v: f64,
    /// Which device goes dark first; `None` where that is not known.
    pub policy: Option<ShedPolicy>,
    /// Temperature around the cables in degrees Celsius.
    pub ambient_c: f64,
    /// What hangs on it, by port number. Devices that take no power are among it.
    pub loads: Vec<Load>,
}

impl<'c> Supply<'c> {
    /// The switch that stands at `path` of the document, without its loads.
    ///
    /// # Errors
    /// Its model is not in the catalogue, or something is missing that no model supplies.
    pub fn new(switch: &Switch, path: &str, catalogue: &'c Catalogue) -> Result<Self, Invalid> {
        let model = match &switch.model {
            Some(model) => Some(
                find(&catalogue.switches, model.as_str())
                    .map_err(|problem| Invalid::new(format!("{path}.model"), problem))?,
            ),
            None => None,
        };
        let standard = switch.standard.or_else(|| model?.standard.certain());
        let allowance = class::allowance(standard.unwrap_or(PoeStandard::Af));
        let port_limit = match switch.port_limit_w {
            Some(limit) => Milliwatts::given(limit.0, || format!("{path}.port_limit_w"))?,
            None => {
                let known = model.and_then(|model| model.port_limit_w.as_ref()?.certain());
                known.map_or(allowance.port, Milliwatts::nearest)
            }
        };
        let ambient_c = switch.ambient_c.map(|ambient| ambient.0);
        if let Some(ambient_c) = ambient_c {
            check_temperature(ambient_c, || format!("{path}.ambient_c"))?;
        }
        if let Some(volts) = switch.voltage_v.filter(|volts| !VOLTS.contains(&volts.0)) {
            let (low, high) = (VOLTS.start(), VOLTS.end());
            let problem = format!("expected {low} to {high} volts, found {}", volts.0);
            return Err(Invalid::new(format!("{path}.voltage_v"), problem));
        }
        Ok(Self {
            name: switch.name.as_str().into(),
            model,
            budgets: budgets(switch, path, model)?,
            declared: switch.budget_w.is_some(),
            allocation: switch.allocation,
            poe_ports: poe_ports(switch, path, model)?,
            standard: allowance,
            standard_assumed: standard.is_none(),
            port_limit,
            voltage_v: switch
                .voltage_v
                .map_or(allowance.minimum_v, |volts| volts.0),
            policy: switch
                .shed_policy
                .or_else(|| model?.shed_policy.as_ref()?.certain()),
            ambient_c: ambient_c.unwrap_or(crate::cable::DEFAULT_C),
            loads: Vec::new(),
        })
    }

    /// The PoE ports on which nothing stands, the lowest first.
    pub fn free_ports(&self) -> impl Iterator<Item = u16> {
        let taken = |port| self.loads.iter().any(|load| load.port == port);
        free_ports(self.poe_ports, taken)
    }

    /// Number of PoE ports on which something stands.
    pub fn used_ports(&self) -> usize {
        let poe = |load: &&Load| load.port <= self.poe_ports;
        self.loads.iter().filter(poe).count()
    }

    /// The devices that take power.
    pub fn powered(&self) -> impl Iterator<Item = &Load> {
        self.loads.iter().filter(|load| load.class.is_some())
    }
}

/// Of so many PoE ports those that are not taken, the lowest first.
pub fn free_ports(poe_ports: u16, taken: impl Fn(u16) -> bool) -> impl Iterator<Item = u16> {
    (1..=poe_ports).filter(move |port| !taken(*port))
}

/// Refuses a temperature at which copper's resistance is not known to grow evenly.
///
/// # Errors
/// Such a temperature.
pub fn check_temperature(celsius: f64, path: impl FnOnce() -> String) -> Result<(), Invalid> {
    let range = crate::cable::LINEAR_C;
    if range.contains(&celsius) {
        return Ok(());
    }
    let (low, high) = (range.start(), range.end());
    let problem = format!("expected {low} to {high} degrees Celsius, found {celsius}");
    Err(Invalid::new(path(), problem))
}

fn budgets(switch: &Switch, path: &str, model: Option<&Model>) -> Result<Vec<Milliwatts>, Invalid> {
    let path = format!("{path}.budget_w");
    if let Some(budget) = switch.budget_w {
        return Ok(vec![Milliwatts::given(budget.0, || path)?]);
    }
    let Some(model) = model else {
        let problem = "expected a number of watts, because no model says it, found nothing";
        return Err(Invalid::new(path, problem));
    };
    let certain: Vec<Milliwatts> = model.certain_budgets().map(Milliwatts::nearest).collect();
    if certain.is_empty() {
        let heard: Vec<String> = (model.budgets_w.iter())
            .map(|figure| figure.value.to_string())
            .collect();
        let problem = format!(
            "expected a number of watts, because what is said of the {} ({} W) is not verified, found nothing",
            model.name,
            heard.join(" or ")
        );
        return Err(Invalid::new(path, problem));
    }
    Ok(certain)
}

fn poe_ports(switch: &Switch, path: &str, model: Option<&Model>) -> Result<u16, Invalid> {
    let declared = switch.poe_ports.map(|number| number.get());
    declared
        .or_else(|| model?.poe_ports.certain())
        .ok_or_else(|| {
            let problem = "expected the number of ports that give power, because no model says it, found nothing";
            Invalid::new(format!("{path}.poe_ports"), problem)
        })
}
