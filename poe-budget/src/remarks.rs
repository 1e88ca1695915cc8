//! What is known of a switch beyond its budget. Said once for each model, however many there are.

use crate::class::INRUSH_A;
use crate::notices::Notices;
use crate::supply::Supply;
use crate::watts::Milliwatts;
use cluster::finding::Finding;

/// All remarks on a switch.
pub fn switch(supply: &Supply<'_>, notices: &mut Notices) {
    model(supply, notices);
    ports(supply, notices);
    inrush(supply, notices);
    cables(supply, notices);
}

fn model(supply: &Supply<'_>, notices: &mut Notices) {
    let name = &*supply.name;
    let Some(model) = supply.model else {
        if supply.standard_assumed {
            notices.once("poe-standard-assumed", "", name, || {
                let message = "neither model nor standard is declared: 802.3af is assumed, 15.4 W at a port and 44 V";
                Finding::info("poe-standard-assumed", name, message).fix("declare standard: af, at, bt3 or bt4")
            });
        }
        return;
    };
    let key = &model.model;
    attested(supply, notices);
    if !model.managed {
        notices.once("poe-unmanaged", key, name, || {
            let message = format!(
                "the {} is not managed: a device that hangs is only restarted by pulling its cable",
                model.name
            );
            Finding::warning("poe-unmanaged", name, message).fix(
                "keep it within reach, or feed it through a socket that can be switched from afar",
            )
        });
    }
    if supply.loads.iter().any(|load| load.hat.is_some()) {
        for report in &model.reports {
            notices.once("poe-reported", &report.source, name, || {
                let message = format!(
                    "reported with the {}: {} ({})",
                    model.name, report.text, report.source
                );
                Finding::info("poe-reported", name, message)
            });
        }
    }
}

/// What is attested for the model beside what the document says.
fn attested(supply: &Supply<'_>, notices: &mut Notices) {
    let (name, Some(model)) = (&*supply.name, supply.model) else {
        return;
    };
    let figures: Vec<String> = model
        .budgets_w
        .iter()
        .map(|b| b.value.to_string())
        .collect();
    let all = figures.join(" and ");
    let declared = supply.budgets.first().filter(|_| supply.declared);
    let Some(declared) = declared else { return };
    let known = |figure: &f64| Milliwatts::nearest(*figure) == *declared;
    if !model.budgets_w.iter().any(|budget| known(&budget.value)) {
        let key = format!("{} {declared}", model.model);
        notices.once("poe-budget-not-attested", &key, name, || {
            let message = format!(
                "{all} W are attested for the {}, and the document says {} W",
                model.name,
                declared.watts()
            );
            Finding::warning("poe-budget-not-attested", name, message)
                .fix("read the PoE budget on the label below the switch")
        });
    } else if model.budgets_w.len() > 1 {
        notices.once("poe-budget-attested", &model.model, name, || {
            let message = format!(
                "{all} W are attested for the {}, by hardware version or power adapter, and the document says {} W",
                model.name,
                declared.watts()
            );
            Finding::info("poe-budget-attested", name, message)
                .fix("read the hardware version on the label below the switch")
        });
    }
}

fn ports(supply: &Supply<'_>, notices: &mut Notices) {
    if supply.powered().next().is_none() || supply.free_ports().next().is_some() {
        return;
    }
    let key = supply.model.map_or("", |model| &model.model);
    notices.once("poe-ports-full", key, &supply.name, || {
        let message = format!(
            "all {} PoE ports are taken: a further device, such as a travel router, needs a supply of its own",
            supply.poe_ports
        );
        Finding::info("poe-ports-full", &*supply.name, message)
    });
}

/// The moment of switching on: every capacitor fills at once, unless the switch goes port by port.
fn inrush(supply: &Supply<'_>, notices: &mut Notices) {
    let count = supply.powered().count();
    let asked = Milliwatts::nearest(count as f64 * supply.voltage_v * INRUSH_A);
    let Some(budget) = supply.budgets.first().filter(|budget| asked > **budget) else {
        return;
    };
    let key = supply.model.map_or("", |model| &model.model);
    notices.once("poe-inrush", key, &supply.name, || {
        let message = format!(
            "{count} devices that start in the same instant may ask {asked} W of {budget} W for up to 75 ms (a port lets in {INRUSH_A} A at {} V); whether the switch starts its ports one after the other is not known",
            supply.voltage_v
        );
        Finding::info("poe-inrush", &*supply.name, message)
            .fix("if devices start and stop in turns after a power cut, plug them in one by one")
    });
}

/// In a rack a cable's loss is noise, and nobody needs to look for the answer there.
fn cables(supply: &Supply<'_>, notices: &mut Notices) {
    let short = |metres: f64| metres <= 3.0;
    let mut cables = supply
        .powered()
        .filter_map(|load| load.cable.as_ref())
        .peekable();
    if cables.peek().is_none() || !cables.all(|cable| short(cable.length_m.0)) {
        return;
    }
    notices.once("poe-cable-short", "", &supply.name, || {
        let message =
            "all cables are at most 3 m long: what they take is noise beside the other figures";
        Finding::info("poe-cable-short", &*supply.name, message)
    });
}
