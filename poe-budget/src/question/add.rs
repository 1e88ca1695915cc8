//! A further device: on which port it goes, and what it then draws.

use super::{Add, chosen};
use crate::catalogue::Catalogue;
use crate::class;
use crate::demand::{Basis, Given, LOWEST_PRIORITY, Load};
use crate::plan::plan;
use crate::request::Request;
use crate::scenario::PerScenario;
use crate::supply::Supply;
use crate::watts::Milliwatts;
use cluster::edge::Usage;
use cluster::finding::Finding;
use serde_json::json;
use std::cmp::Reverse;

/// Puts a device on a port; where none is left, that is the answer.
/// With `--assign` it gets its port with all others, also where it names one.
pub(super) fn add(
    request: &mut Request<'_>,
    device: &Add,
    assign: bool,
    catalogue: &Catalogue,
) -> Result<(), Usage> {
    fits(request, device, assign)?;
    if assign {
        // What takes no power needs no port.
        let load = Some(load(device, 1)).filter(|load| load.class.is_some());
        request.unplaced.extend(load);
        return Ok(());
    }
    let headrooms: Vec<Milliwatts> = plan(request, catalogue)
        .0
        .switches
        .iter()
        .map(|switch| switch.headroom_w)
        .collect();
    let Some((place, port)) = best(request, device, &headrooms) else {
        let headroom = headrooms.into_iter().max();
        request.notices.each(no_port(request, device, headroom));
        return Ok(());
    };
    let loads = &mut request.switches[place].loads;
    loads.push(load(device, port));
    loads.sort_by_key(|load| load.port);
    Ok(())
}

/// Whether the document has what the device names, and not the device itself.
fn fits(request: &mut Request<'_>, device: &Add, assign: bool) -> Result<(), Usage> {
    let name = &device.name;
    let same = |load: &Load| *load.device == *name.as_str();
    if assign && request.unplaced.iter().any(same) {
        let problem = format!("--add {name}: --assign gives it a port already");
        return Err(Usage::new(problem));
    }
    let on = request.switches.iter().find_map(|supply| {
        let load = supply.loads.iter().find(|load| same(load))?;
        Some(format!("{} port {}", supply.name, load.port))
    });
    if let Some(place) = on {
        return Err(Usage::new(format!(
            "--add {name}: it stands on {place} already; add --remove {name}"
        )));
    }
    if let Some(switch) = &device.switch {
        chosen(request, Some(switch), "--add")?;
    }
    Ok(())
}

/// The switch with the most headroom among those with a free port, and that port.
fn best(request: &Request<'_>, device: &Add, headrooms: &[Milliwatts]) -> Option<(usize, u16)> {
    let candidates = request.switches.iter().enumerate().filter(|(_, supply)| {
        device
            .switch
            .as_ref()
            .is_none_or(|name| *supply.name == *name.as_str())
    });
    let free = |supply: &Supply<'_>| match device.port {
        Some(port) => supply.free_ports().find(|free| *free == port),
        None => supply.free_ports().next(),
    };
    let best = candidates
        .filter_map(|(place, supply)| Some((headrooms[place], place, free(supply)?)))
        .max_by_key(|(headroom, place, _)| (*headroom, Reverse(*place)));
    best.map(|(_, place, port)| (place, port))
}

fn no_port(request: &Request<'_>, device: &Add, headroom: Option<Milliwatts>) -> Finding {
    let name = &device.name;
    let ports: usize = request
        .switches
        .iter()
        .map(|supply| usize::from(supply.poe_ports))
        .sum();
    let used: usize = request.switches.iter().map(Supply::used_ports).sum();
    let mut message = match device.port {
        Some(port) if used < ports => format!("PoE port {port} is not free for {name}"),
        _ => format!("no PoE port is left for {name}: {used} of {ports} are taken"),
    };
    let left = headroom.unwrap_or(Milliwatts::ZERO);
    message.push_str(&match left >= device.draw {
        true => format!("; the watts would do ({} W of {left} W)", device.draw),
        false => format!("; nor would the watts do ({} W of {left} W)", device.draw),
    });
    Finding::error("poe-no-port", name.as_str(), message)
        .fix("feed it by itself, take a switch with more PoE ports, or --remove a device")
        .evidence(json!({"draw_w": device.draw, "headroom_w": headroom, "poe_ports": ports, "used": used}))
}

/// A device of which only the draw is known.
fn load(device: &Add, port: u16) -> Load {
    let powered = device.draw > Milliwatts::ZERO;
    let class = class::fallback(device.draw).filter(|_| powered);
    Load {
        port,
        device: device.name.as_str().into(),
        priority: LOWEST_PRIORITY,
        limit: None,
        class,
        draw: Given::Device(PerScenario::same(device.draw)),
        basis: Basis::Document,
        confidence: None,
        cable: None,
        minimum_v: class.map_or(0.0, class::minimum_v),
        hat: None,
        usb_over: None,
        lacks_hat: false,
        role: None,
        bricks: 0,
    }
}
