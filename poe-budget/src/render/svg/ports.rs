//! What stands on a switch's ports, a box each.

use super::{INNER, LEFT};
use crate::answer::{PortAnswer, SwitchAnswer};
use cluster::picture::{Anchor, Area, Face, Picture, Tone, fit};

/// Ports in a row, and the height of one.
const PORTS: usize = 4;
const PORT: Area = Area {
    x: 8.0,
    y: 0.0,
    width: (INNER - 16.0 - 24.0) / 4.0,
    height: 76.0,
};
/// More free ports than this are told as a number.
const FREE: usize = 8;
/// From a row of ports to the next.
const LINE: f64 = PORT.height + 8.0;

/// How many boxes there are: a free port has one where there are few of them.
fn drawn(switch: &SwitchAnswer) -> usize {
    let free = switch.free_ports().count();
    switch.ports.len() + if free > FREE { 0 } else { free }
}

fn rows(switch: &SwitchAnswer) -> f64 {
    drawn(switch).div_ceil(PORTS) as f64
}

/// How high the ports are.
pub(super) fn height(switch: &SwitchAnswer) -> f64 {
    let many = switch.free_ports().count() > FREE;
    rows(switch) * LINE + if many { 20.0 } else { 0.0 }
}

/// The ports, from `y` on.
pub(super) fn ports(picture: &mut Picture, y: f64, switch: &SwitchAnswer) {
    let free: Vec<u16> = switch.free_ports().collect();
    let mut places = (0..drawn(switch)).map(|place| {
        let (column, line) = ((place % PORTS) as f64, (place / PORTS) as f64);
        let x = LEFT + PORT.x + column * (PORT.width + 8.0);
        Area {
            x,
            y: y + line * LINE,
            ..PORT
        }
    });
    for (port, area) in switch.ports.iter().zip(&mut places) {
        port_box(picture, area, switch, port);
    }
    if free.len() > FREE {
        let text = format!("{} more PoE ports are free", free.len());
        let place = (LEFT + PORT.x, y + rows(switch) * LINE + 10.0);
        picture.text(place, Face::Body, Tone::Faint, Anchor::Start, &text);
        return;
    }
    for (port, area) in free.iter().zip(places) {
        picture.edge(area, Tone::Line, "");
        let place = (area.x + 8.0, area.y + 20.0);
        let text = format!("{port}  free");
        picture.text(place, Face::Body, Tone::Faint, Anchor::Start, &text);
    }
}

fn port_box(picture: &mut Picture, area: Area, switch: &SwitchAnswer, port: &PortAnswer) {
    let worst = switch.shed.first();
    let dark = worst.is_some_and(|shed| shed.dark.contains(&port.device));
    picture.fill(area, Tone::Page, "");
    picture.edge(area, if dark { Tone::Bad } else { Tone::Line }, "");
    let (left, inner) = (area.x + 8.0, area.width - 16.0);
    let name = format!("{}  {}", port.port, port.device);
    let name = fit(&name, inner, Face::Strong.size());
    picture.text(
        (left, area.y + 18.0),
        Face::Strong,
        Tone::Ink,
        Anchor::Start,
        &name,
    );
    let mut line = |y: f64, tone: Tone, text: &str| {
        let text = fit(text, inner, Face::Small.size());
        picture.text((left, area.y + y), Face::Small, tone, Anchor::Start, &text);
    };
    let Some(class) = port.class else {
        return line(36.0, Tone::Faint, "no power from this port");
    };
    let most = port.pse_w.get(port.pse_w.highest());
    let words = format!("{most} of {} W, class {}", port.limit_w, class.get());
    line(48.0, Tone::Ink, &words);
    let rank = worst.and_then(|shed| shed.order.iter().position(|name| *name == port.device));
    match rank {
        Some(_) if dark => line(64.0, Tone::Bad, "dark in the worst case"),
        Some(rank) => line(
            64.0,
            Tone::Faint,
            &format!("goes dark as number {}", rank + 1),
        ),
        None => {}
    }
    bar(picture, area, port, &words);
}

/// How much of what the port gives is taken.
fn bar(picture: &mut Picture, area: Area, port: &PortAnswer, words: &str) {
    let most = port.pse_w.get(port.pse_w.highest());
    let limit = port.limit_w.watts().max(f64::MIN_POSITIVE);
    let bar = Area {
        x: area.x + 8.0,
        y: area.y + 26.0,
        width: area.width - 16.0,
        height: 8.0,
    };
    let part = (most.watts() / limit).min(1.0);
    let tone = if most > port.limit_w {
        Tone::Bad
    } else {
        Tone::Good
    };
    picture.fill(bar, Tone::Panel, "");
    picture.fill(
        Area {
            width: bar.width * part,
            ..bar
        },
        tone,
        words,
    );
}
