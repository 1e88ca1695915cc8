//! What a cable takes: a device that draws constant power behind a resistance.

use cluster::inventory::Cable;

/// Resistance of one copper conductor at 20 °C in ohms per metre (semiconductor.tools' table for solid copper).
const ATTESTED: [(u8, f64); 3] = [(23, 0.0668), (24, 0.0842), (26, 0.1345)];
/// Resistivity of annealed copper at 20 °C in ohm metres (IEC 60028).
const COPPER_OHM_M: f64 = 1.7241e-8;
/// Change of copper's resistance per degree at 20 °C (IEC 60028).
const PER_DEGREE: f64 = 0.00393;
/// The temperatures in degrees Celsius between which that change is taken as constant.
pub const LINEAR_C: std::ops::RangeInclusive<f64> = -60.0..=150.0;
/// More than any cable has, in ohms.
const MOST_OHMS: f64 = 1e9;
/// The temperature where none is declared, in degrees Celsius.
pub const DEFAULT_C: f64 = 20.0;

/// Resistance of the whole loop in ohms, there and back.
///
/// The two conductors of a pair share the current, so two pairs make a loop of one conductor's resistance over the
/// cable's length, and four pairs half of that.
pub fn loop_ohms(cable: &Cable, pairs: u8, temperature_c: f64) -> f64 {
    let one_way = conductor_ohms(cable.awg.get()) * cable.length_m.0;
    let warm = one_way * (1.0 + PER_DEGREE * (temperature_c - 20.0));
    let ohms = if pairs == 4 { warm / 2.0 } else { warm };
    // Beyond that nothing flows anyway, and no length makes a number that is not finite.
    ohms.min(MOST_OHMS)
}

/// Resistance of a conductor at 20 °C in ohms per metre: attested, else from its diameter (ASTM B258).
fn conductor_ohms(awg: u8) -> f64 {
    if let Some((_, ohms)) = ATTESTED.iter().find(|(gauge, _)| *gauge == awg) {
        return *ohms;
    }
    let diameter_m = 0.127e-3 * 92f64.powf((36.0 - f64::from(awg)) / 39.0);
    COPPER_OHM_M / (std::f64::consts::PI / 4.0 * diameter_m * diameter_m)
}

/// What flows over a cable.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flow {
    /// What the port gives, in watts.
    pub pse_w: f64,
    /// What the device gets, in watts.
    pub pd_w: f64,
    /// The voltage at the device, in volts.
    pub pd_v: f64,
    /// Whether the cable carries what the device wants.
    pub carried: bool,
}

/// The flow to a device that draws `pd_w` behind a loop of `ohms` from a port at `volts`.
///
/// A constant-power load draws `I = (V − √(V² − 4·R·P)) / 2R`, written here as `2P / (V + √…)`, which is the same and also
/// holds for R = 0. Where the root is of a negative number, no current brings that power over: the voltage
/// collapses. The flow is then the cable's maximum, half of the voltage at the device.
pub fn to_device(volts: f64, ohms: f64, pd_w: f64) -> Flow {
    let square = volts * volts - 4.0 * ohms * pd_w;
    if square < 0.0 {
        let amps = volts / (2.0 * ohms);
        return at(volts, ohms, amps, false);
    }
    let amps = 2.0 * pd_w / (volts + square.sqrt());
    Flow {
        pd_w,
        ..at(volts, ohms, amps, true)
    }
}

/// The flow where the port was seen to give `pse_w`.
pub fn from_port(volts: f64, ohms: f64, pse_w: f64) -> Flow {
    let amps = pse_w / volts;
    if 2.0 * amps * ohms > volts {
        // Beyond its maximum a cable carries nothing: what was seen does not fit what is declared.
        return Flow {
            pse_w,
            ..at(volts, ohms, volts / (2.0 * ohms), false)
        };
    }
    Flow {
        pse_w,
        ..at(volts, ohms, amps, true)
    }
}

fn at(volts: f64, ohms: f64, amps: f64, carried: bool) -> Flow {
    let pd_v = volts - amps * ohms;
    Flow {
        pse_w: volts * amps,
        pd_w: pd_v * amps,
        pd_v,
        carried,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The class table of IEEE 802.3 at the port falls out of the loss over the channel that it assumes.
    #[test]
    fn golden_the_class_table() {
        let table = [
            (44.0, 20.0, 3.84, "4.01"),
            (44.0, 20.0, 6.49, "7.00"),
            (44.0, 20.0, 12.95, "15.40"),
            (50.0, 12.5, 25.5, "30.00"),
            (50.0, 6.25, 40.0, "45.08"),
            (50.0, 6.25, 51.0, "60.00"),
            (52.0, 6.25, 62.0, "75.00"),
            (52.0, 6.25, 71.3, "90.04"),
        ];
        for (volts, ohms, pd_w, pse_w) in table {
            let flow = to_device(volts, ohms, pd_w);
            assert!(flow.carried);
            assert_eq!(format!("{:.2}", flow.pse_w), pse_w, "{pd_w} W");
        }
    }

    fn cable(awg: u8, length_m: f64) -> Cable {
        serde_json::from_value(serde_json::json!({"awg": awg, "length_m": length_m})).unwrap()
    }

    #[test]
    fn a_long_thin_cable_costs_what_was_worked_out_by_hand() {
        let flow = to_device(53.5, loop_ohms(&cable(26, 100.0), 2, 20.0), 10.0);
        assert_eq!(format!("{:.2}", flow.pse_w - 10.0), "0.52");
        assert_eq!(format!("{:.1}", flow.pd_v), "50.9");
        let flow = to_device(53.5, loop_ohms(&cable(24, 2.0), 2, 20.0), 10.0);
        assert_eq!(format!("{:.3}", flow.pse_w - 10.0), "0.006");
    }

    #[test]
    fn four_pairs_halve_the_resistance_and_warmth_adds_to_it() {
        let cable = cable(24, 100.0);
        let two = loop_ohms(&cable, 2, 20.0);
        assert!((two - 8.42).abs() < 1e-9);
        assert!((loop_ohms(&cable, 4, 20.0) - two / 2.0).abs() < 1e-9);
        assert!((loop_ohms(&cable, 2, 60.0) / two - 1.1572).abs() < 1e-9);
    }

    #[test]
    fn gauges_without_a_table_come_from_their_diameter() {
        // The formula meets the table within its last digit, and AWG 28 the 21.3 Ω per 100 m of its data sheets.
        assert!((conductor_ohms(28) * 100.0 - 21.3).abs() < 0.05);
        let diameter_m = 0.127e-3f64 * 92f64.powf(12.0 / 39.0);
        let computed = COPPER_OHM_M / (std::f64::consts::PI / 4.0 * diameter_m * diameter_m);
        assert!((computed - conductor_ohms(24)).abs() < 1e-4);
        let gauges: Vec<f64> = (22..=30).map(conductor_ohms).collect();
        assert!(gauges.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn a_cable_that_cannot_carry_it_says_so_in_finite_numbers() {
        let flow = to_device(50.0, 100.0, 30.0);
        assert!(!flow.carried);
        assert_eq!((flow.pd_v, flow.pse_w, flow.pd_w), (25.0, 12.5, 6.25));
        let edge = to_device(50.0, 100.0, 6.25);
        assert!(edge.carried);
        assert_eq!(edge.pse_w, 12.5);
    }

    #[test]
    fn what_the_port_gives_is_the_way_back() {
        let there = to_device(50.0, 4.0, 11.0);
        let back = from_port(50.0, 4.0, there.pse_w);
        assert!((back.pd_w - 11.0).abs() < 1e-9 && back.carried);
        assert!(!from_port(50.0, 100.0, 20.0).carried);
        assert_eq!(from_port(50.0, 0.0, 5.0).pd_w, 5.0);
    }
}
