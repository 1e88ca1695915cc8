//! Measured draws: what a switch was seen to give, port by port. They replace estimates.

use crate::notices::Notices;
use cluster::finding::Finding;
use cluster::invalid::{Invalid, suggestion};
use cluster::inventory::{Draw, Switch};
use cluster::quantity::PortNumber;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;
use std::marker::PhantomData;

/// Draws in watts by switch and port: `{"sw1": {"1": 5.5, "2": {"boot": 4.2, …}}}`.
#[derive(Debug, Default)]
pub struct Measured {
    switches: Vec<(String, Vec<(u16, Draw)>)>,
}

impl Measured {
    /// Reads the file that `--measured` names.
    ///
    /// # Errors
    /// It is not an object of switches, each an object of ports with a number of watts.
    pub fn parse(bytes: &[u8]) -> Result<Self, Invalid> {
        let top: Pairs<Box<RawValue>> =
            serde_json::from_slice(bytes).map_err(|error| Invalid::new("", plain(&error)))?;
        let mut switches = Vec::with_capacity(top.0.len());
        for (switch, ports) in top.0 {
            let path = format!("[{switch:?}]");
            let ports: Pairs<Box<RawValue>> = serde_json::from_str(ports.get())
                .map_err(|error| Invalid::new(path.as_str(), plain(&error)))?;
            let read = |(port, draw): (String, Box<RawValue>)| read_port(&path, &port, &draw);
            switches.push((
                switch,
                ports.0.into_iter().map(read).collect::<Result<_, _>>()?,
            ));
        }
        Ok(Self { switches })
    }

    /// Writes the draws into the switches of a document, over what stands there.
    ///
    /// # Errors
    /// A switch that the document does not have.
    pub fn apply(&self, switches: &mut [Switch], notices: &mut Notices) -> Result<(), Invalid> {
        for (name, draws) in &self.switches {
            let found = switches
                .iter_mut()
                .find(|switch| switch.name.as_str() == name);
            if let Some(switch) = found {
                apply_switch(switch, draws, notices);
                continue;
            }
            let hint = suggestion(name, switches.iter().map(|switch| switch.name.as_str()));
            let problem = format!("expected a switch of the document, found {name:?}{hint}");
            return Err(Invalid::new(format!("[{name:?}]"), problem));
        }
        Ok(())
    }
}

fn read_port(path: &str, port: &str, draw: &RawValue) -> Result<(u16, Draw), Invalid> {
    let path = || format!("{path}[{port:?}]");
    let number: PortNumber = port
        .parse()
        .map_err(|problem: String| Invalid::new(path(), problem))?;
    let draw =
        serde_json::from_str(draw.get()).map_err(|error| Invalid::new(path(), plain(&error)))?;
    Ok((number.get(), draw))
}

fn apply_switch(switch: &mut Switch, draws: &[(u16, Draw)], notices: &mut Notices) {
    for (number, draw) in draws {
        let off = [draw.boot, draw.idle, draw.typical, draw.stress]
            .iter()
            .all(|w| w.0 == 0.0);
        let subject = format!("{} port {number}", switch.name);
        match switch
            .ports
            .iter_mut()
            .find(|port| port.port.get() == *number)
        {
            Some(port) if !off => port.measured_w = Some(Box::new(*draw)),
            Some(port) => notices.once("poe-measured-zero", "", &subject, || {
                let message = format!(
                    "{} was measured with 0 W: it was off, and its estimate stands",
                    port.device
                );
                Finding::warning("poe-measured-zero", subject.as_str(), message)
                    .fix("measure again while it runs")
            }),
            None if off => {}
            None => notices.once("poe-measured-unknown", "", &subject, || {
                let message =
                    "a draw was measured and the document names no device here: it is not counted";
                Finding::warning("poe-measured-unknown", subject.as_str(), message)
                    .fix("name the device in switches[].ports")
            }),
        }
    }
}

/// The members of an object, each key once.
struct Pairs<T>(Vec<(String, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Pairs<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PairsVisitor(PhantomData))
    }
}

struct PairsVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for PairsVisitor<T> {
    type Value = Pairs<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<T>, A::Error> {
        let mut pairs: Vec<(String, T)> = Vec::new();
        while let Some((key, value)) = map.next_entry::<String, T>()? {
            if pairs.iter().any(|(seen, _)| *seen == key) {
                let problem = format_args!("expected each key once, found {key:?} again");
                return Err(serde::de::Error::custom(problem));
            }
            pairs.push((key, value));
        }
        Ok(Pairs(pairs))
    }
}

/// An error of the JSON reader without the place inside of a fragment, which would mislead.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_of_that_form_is_refused_by_its_place() {
        let refused = |text: &str| Measured::parse(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(refused("[]"), "invalid type: sequence, expected an object");
        assert!(refused("{\"sw1\": 5}").starts_with("[\"sw1\"]: invalid type"));
        assert!(refused("{\"sw1\": {\"0\": 5}}").starts_with("[\"sw1\"][\"0\"]: expected a port"));
        assert!(refused("{\"sw1\": {\"1\": -5}}").contains("0 or more"));
        assert!(refused("{\"sw1\": {\"1\": 1e999}}").contains("out of range"));
        assert!(refused("{\"sw1\": {\"1\": 5, \"1\": 6}}").contains("\"1\" again"));
        assert!(refused("{\"sw1\": {}} {}").contains("trailing"));
        assert!(refused("").contains("EOF"));
    }

    #[test]
    fn numbers_and_objects_are_read() {
        let text =
            r#"{"sw1": {"1": 5.5, "2": {"boot": 4.2, "idle": 3, "typical": 4, "stress": 9}}}"#;
        let measured = Measured::parse(text.as_bytes()).unwrap();
        let (_, ports) = &measured.switches[0];
        assert_eq!(ports[0].1.stress.0, 5.5);
        assert_eq!(ports[1].1.stress.0, 9.0);
    }
}
