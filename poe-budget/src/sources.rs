//! Where the figures come from that an answer rests on.

use crate::answer::Source;
use crate::catalogue::{Catalogue, Figure};
use crate::request::Request;

/// The sources of every figure of every model that the document names.
pub fn of(request: &Request<'_>, catalogue: &Catalogue) -> Vec<Source> {
    let mut sources = Vec::new();
    let named = |model: &String| request.models.contains(model.as_str());
    for board in catalogue.boards.iter().filter(|board| named(&board.model)) {
        sources.push(source(&board.model, "current_a", &board.current_a));
        let usb = board.usb_a.as_ref();
        sources.extend(usb.map(|usb| source(&board.model, "usb_a", usb)));
        sources.push(source(&board.model, "supply_v", &board.supply_v));
    }
    for hat in catalogue.hats.iter().filter(|hat| named(&hat.model)) {
        sources.push(source(&hat.model, "class", &hat.class));
        sources.push(source(&hat.model, "output_w", &hat.output_w));
        sources.push(source(&hat.model, "efficiency", &hat.efficiency));
        sources.push(source(&hat.model, "minimum_v", &hat.minimum_v));
    }
    for usb in catalogue.usb.iter().filter(|usb| named(&usb.model)) {
        sources.push(source(&usb.model, "draw_w", &usb.draw_w));
    }
    for device in catalogue
        .devices
        .iter()
        .filter(|device| named(&device.model))
    {
        sources.push(source(&device.model, "draw_w", &device.draw_w));
        let class = device.class.as_ref();
        sources.extend(class.map(|class| source(&device.model, "class", class)));
    }
    for switch in catalogue
        .switches
        .iter()
        .filter(|switch| named(&switch.model))
    {
        sources.push(source(&switch.model, "poe_ports", &switch.poe_ports));
        sources.push(source(&switch.model, "standard", &switch.standard));
        let budgets = switch.budgets_w.iter();
        sources.extend(budgets.map(|budget| source(&switch.model, "budget_w", budget)));
        let limit = switch.port_limit_w.as_ref();
        sources.extend(limit.map(|limit| source(&switch.model, "port_limit_w", limit)));
        let policy = switch.shed_policy.as_ref();
        sources.extend(policy.map(|policy| source(&switch.model, "shed_policy", policy)));
    }
    sources.sort();
    sources
}

fn source<T>(model: &str, figure: &'static str, value: &Figure<T>) -> Source {
    Source {
        model: model.to_owned(),
        figure,
        confidence: value.confidence,
        source: value.source.clone(),
    }
}
