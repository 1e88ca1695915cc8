//! The IEEE 802.3 tables: what a class and a standard allow.

use crate::watts::Milliwatts;
use cluster::inventory::PoeStandard;
use cluster::quantity::PoeClass;

/// Power at the port of each class 0 to 8 (IEEE 802.3-2022, tables 33-7 and 145-11), in milliwatts.
const PSE: [i64; 9] = [
    15_400, 4_000, 7_000, 15_400, 30_000, 45_000, 60_000, 75_000, 90_000,
];
/// Power at the device of each class (tables 33-18 and 145-26), in milliwatts.
const PD: [i64; 9] = [
    12_950, 3_840, 6_490, 12_950, 25_500, 40_000, 51_000, 62_000, 71_300,
];
/// The least voltage at which a device of each class must work, in volts.
const PD_MINIMUM_V: [f64; 9] = [37.0, 37.0, 37.0, 37.0, 42.5, 42.5, 42.5, 41.1, 41.1];

/// What the port reserves for a device of this class.
pub fn reserved(class: PoeClass) -> Milliwatts {
    Milliwatts(PSE[usize::from(class.get())])
}

/// The most that a device of this class may draw.
pub fn allowed(class: PoeClass) -> Milliwatts {
    Milliwatts(PD[usize::from(class.get())])
}

/// The least voltage at which a device of this class must work, in volts.
pub fn minimum_v(class: PoeClass) -> f64 {
    PD_MINIMUM_V[usize::from(class.get())]
}

/// Whether the class needs all four pairs.
pub fn needs_four_pairs(class: PoeClass) -> bool {
    class.get() >= 5
}

/// The class of a device that declares none: 0, as the standard has it, or the smallest that covers its draw.
///
/// Never `None`: the table ends with the last class.
pub fn fallback(draw: Milliwatts) -> Option<PoeClass> {
    let covers = |number: &u8| draw.0 <= PD[usize::from(*number)];
    let number = [0, 4, 5, 6, 7].into_iter().find(covers).unwrap_or(8);
    PoeClass::try_from(u64::from(number)).ok()
}

/// What a standard allows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Allowance {
    /// Its name among engineers.
    pub name: &'static str,
    /// The most that a port gives.
    pub port: Milliwatts,
    /// The least voltage at the port, in volts.
    pub minimum_v: f64,
    /// The highest class.
    pub class: u8,
}

/// The allowance of a standard: Types 1 to 4.
pub fn allowance(standard: PoeStandard) -> Allowance {
    let (name, port, minimum_v, class) = match standard {
        PoeStandard::Af => ("802.3af", 15_400, 44.0, 3),
        PoeStandard::At => ("802.3at", 30_000, 50.0, 4),
        PoeStandard::Bt3 => ("802.3bt Type 3", 60_000, 50.0, 6),
        PoeStandard::Bt4 => ("802.3bt Type 4", 90_000, 52.0, 8),
    };
    Allowance {
        name,
        port: Milliwatts(port),
        minimum_v,
        class,
    }
}

/// The most that a PSE lets into a device that charges its capacitors, in amperes (IEEE 802.3 table 33-11: 400 to 450 mA
/// for 50 to 75 ms).
pub const INRUSH_A: f64 = 0.45;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_undeclared_class_covers_the_draw() {
        let class = |watts: f64| fallback(Milliwatts::nearest(watts)).unwrap().get();
        assert_eq!(class(0.0), 0);
        assert_eq!(class(4.6), 0);
        assert_eq!(class(12.95), 0);
        assert_eq!(class(13.0), 4);
        assert_eq!(class(25.6), 5);
        assert_eq!(class(62.5), 8);
        assert_eq!(class(1000.0), 8);
    }
}
