//! What a port gives for what its device draws, and what that means at the limits of port, class, HAT and USB.

use crate::answer::PortAnswer;
use crate::cable::{self, Flow};
use crate::class;
use crate::demand::{Given, Load};
use crate::notices::Notices;
use crate::scenario::PerScenario;
use crate::supply::Supply;
use crate::watts::{Millivolts, Milliwatts};
use cluster::finding::Finding;
use serde_json::json;

/// The flow over a port's cable, in numbers for the document, with what is wrong with it.
pub fn port(supply: &Supply<'_>, load: &Load, notices: &mut Notices) -> PortAnswer {
    let flows = flows(supply, load);
    let worst = flows.get(flows.map(|flow| flow.pse_w).highest());
    let (draw_w, pse_w) = match load.draw {
        Given::Device(draw) => (draw, given(&flows, &draw)),
        Given::Port(pse) => (flows.map(|flow| Milliwatts::nearest(flow.pd_w)), pse),
    };
    let highest = pse_w.highest();
    let known = load.cable.as_ref().filter(|_| load.class.is_some());
    let answer = PortAnswer {
        port: load.port,
        device: load.device.clone(),
        class: load.class,
        limit_w: load
            .limit
            .unwrap_or(supply.port_limit)
            .min(supply.port_limit),
        draw_w,
        pse_w,
        cable_loss_w: known.map(|_| pse_w.get(highest) - draw_w.get(highest)),
        pd_v: known.map(|_| Millivolts::nearest(worst.pd_v)),
        basis: load.basis,
        confidence: load.confidence,
    };
    check_cable(supply, load, worst, notices);
    check_power(supply, load, &answer, notices);
    answer
}

/// What the port gives; where the cable collapses, at least what the device wants, so that no demand hides behind it.
fn given(flows: &PerScenario<Flow>, draw: &PerScenario<Milliwatts>) -> PerScenario<Milliwatts> {
    let at = |flow: Flow, draw: Milliwatts| Milliwatts::nearest(flow.pse_w).max(draw);
    PerScenario {
        boot: at(flows.boot, draw.boot),
        idle: at(flows.idle, draw.idle),
        typical: at(flows.typical, draw.typical),
        stress: at(flows.stress, draw.stress),
    }
}

fn flows(supply: &Supply<'_>, load: &Load) -> PerScenario<Flow> {
    let ohms = load.cable.as_ref().map_or(0.0, |cable| {
        let four = load.class.is_some_and(class::needs_four_pairs);
        let pairs = cable
            .pairs
            .map_or(if four { 4 } else { 2 }, |pairs| pairs.get());
        let celsius = cable
            .temperature_c
            .map_or(supply.ambient_c, |celsius| celsius.0);
        cable::loop_ohms(cable, pairs, celsius)
    });
    let volts = supply.voltage_v;
    match load.draw {
        Given::Device(draw) => draw.map(|draw| cable::to_device(volts, ohms, draw.watts())),
        Given::Port(pse) => pse.map(|pse| cable::from_port(volts, ohms, pse.watts())),
    }
}

fn subject(supply: &Supply<'_>, load: &Load) -> String {
    format!("{} port {}", supply.name, load.port)
}

fn check_cable(supply: &Supply<'_>, load: &Load, worst: Flow, notices: &mut Notices) {
    if load.class.is_none() {
        return;
    }
    if load.cable.is_none() {
        notices.once("poe-cable-unknown", "", &load.device, || {
            let message = "no cable is declared: no loss is counted and the voltage at the device is not checked";
            Finding::info("poe-cable-unknown", subject(supply, load), message)
                .fix("declare switches[].ports[].cable with awg and length_m")
        });
        return;
    }
    let evidence = json!({"pd_v": Millivolts::nearest(worst.pd_v), "minimum_v": load.minimum_v});
    if !worst.carried {
        let message = format!(
            "the cable cannot carry what {} draws: the voltage collapses (no real solution; at most {:.1} W get into it)",
            load.device, worst.pse_w
        );
        notices.each(
            Finding::error("poe-cable-collapse", subject(supply, load), message)
                .fix("take a shorter or thicker cable")
                .evidence(evidence),
        );
    } else if worst.pd_v < load.minimum_v {
        let message = format!(
            "{} gets {:.1} V and needs {:.1} V",
            load.device, worst.pd_v, load.minimum_v
        );
        notices.each(
            Finding::error("poe-under-voltage", subject(supply, load), message)
                .fix("take a shorter or thicker cable, or a switch with a higher voltage")
                .evidence(evidence),
        );
    }
}

fn check_power(supply: &Supply<'_>, load: &Load, port: &PortAnswer, notices: &mut Notices) {
    let subject = || subject(supply, load);
    if load.lacks_hat {
        let message = format!(
            "{} has no PoE HAT: it gets no power from this port",
            load.device
        );
        notices.each(
            Finding::error("poe-no-hat", subject(), message)
                .fix("name its hat; or give it draw_w: 0 where it has a supply of its own"),
        );
    }
    let Some(class) = load.class else { return };
    let given = port.pse_w.get(port.pse_w.highest());
    let drawn = port.draw_w.get(port.draw_w.highest());
    let device = &load.device;
    if given > port.limit_w {
        let message = format!(
            "{device} takes {given} W and the port gives at most {} W",
            port.limit_w
        );
        notices.each(
            Finding::error("poe-over-port-limit", subject(), message)
                .fix("move it to a port that gives more, or take something off its USB ports"),
        );
    }
    if drawn > class::allowed(class) {
        let (number, allowed) = (class.get(), class::allowed(class));
        let message = format!(
            "{device} draws {drawn} W and class {number} allows it {allowed} W: the switch may cut it off"
        );
        notices.each(
            Finding::error("poe-over-class", subject(), message)
                .fix("take a HAT of a higher class, or take something off its USB ports"),
        );
    }
    if class.get() > supply.standard.class {
        let (number, standard) = (class.get(), supply.standard.name);
        let message = format!(
            "{device} asks for class {number} and {standard} knows up to class {}: it gets {} W at most",
            supply.standard.class, port.limit_w
        );
        let key = supply.standard.name;
        notices.once("poe-class-above-standard", key, device, || {
            Finding::warning("poe-class-above-standard", subject(), message)
        });
    }
    check_behind(load, drawn, &subject(), notices);
}

/// The limits behind the port: what the HAT passes on and what the board gives to USB.
fn check_behind(load: &Load, drawn: Milliwatts, subject: &str, notices: &mut Notices) {
    let device = &load.device;
    if let Some(hat) = load.hat {
        let passed = Milliwatts::nearest(drawn.watts() * hat.efficiency);
        // Dividing by the efficiency and multiplying again may be a milliwatt off.
        if passed.0 > hat.output.0 + 1 {
            let message = format!(
                "{device} wants {passed} W behind its HAT, which gives {} W",
                hat.output
            );
            notices.each(
                Finding::error("poe-over-hat", subject, message)
                    .fix("take a HAT that gives more, or something off its USB ports"),
            );
        }
    }
    if let Some((drawn, allowed)) = load.usb_over {
        let message = format!(
            "the USB devices of {device} draw {drawn} W together and the board gives them {allowed} W"
        );
        notices.each(
            Finding::error("poe-over-usb", subject, message)
                .fix("put one behind a USB hub with a supply of its own; where the board gives more, declare nodes[].usb_limit_w"),
        );
    }
}
