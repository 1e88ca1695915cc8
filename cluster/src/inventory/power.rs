//! `switches`: Power over Ethernet supply, cables, and what hangs on each port.

use crate::name::{Label, Line};
use crate::quantity::{
    Awg, Celsius, Metres, Pairs, PoeClass, PortNumber, PositiveWatts, Volts, Watts,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// A switch that powers devices over Ethernet (a PSE).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Switch {
    /// The switch's name, unique among switches and devices.
    pub name: Label,
    /// The model in poe-budget's catalogue, such as `tp-link-tl-sg1005p`. Default: none, then `budget_w` is needed.
    pub model: Option<Label>,
    /// Total power for all ports in watts. Default: the model's; where several values are attested for the model, all.
    pub budget_w: Option<PositiveWatts>,
    /// How the switch counts a port against its budget. Default: not known, both ways are computed.
    pub allocation: Option<Allocation>,
    /// Number of ports that give power. Default: the model's.
    pub poe_ports: Option<PortNumber>,
    /// The PoE standard of the ports. Default: the model's.
    pub standard: Option<PoeStandard>,
    /// The most that one port gives, in watts. Default: the model's, else the standard's.
    pub port_limit_w: Option<PositiveWatts>,
    /// Voltage at the port in volts. Default: the model's, else the standard's minimum.
    pub voltage_v: Option<Volts>,
    /// Which device goes dark first when the budget is exceeded. Default: the model's; where that is not known, all policies.
    pub shed_policy: Option<ShedPolicy>,
    /// Temperature around the cables in degrees Celsius. Default 20.
    pub ambient_c: Option<Celsius>,
    /// The ports in use. Default none.
    #[serde(default)]
    pub ports: Vec<Port>,
}

/// How a switch counts a powered port against its budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Allocation {
    /// By the power that the device really draws.
    Draw,
    /// By the maximum of the device's class, reserved when it is switched on.
    Class,
}

/// A standard for Power over Ethernet.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, serde::Serialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum PoeStandard {
    /// IEEE 802.3af, Type 1: classes 0 to 3, 15.4 W at the port.
    Af,
    /// IEEE 802.3at, Type 2 (PoE+): class 4, 30 W at the port.
    At,
    /// IEEE 802.3bt, Type 3: classes 5 and 6, 60 W at the port.
    Bt3,
    /// IEEE 802.3bt, Type 4: classes 7 and 8, 90 W at the port.
    Bt4,
}

/// Which device loses power first when the budget is exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ShedPolicy {
    /// The port with the lowest priority goes first, among equals the one with the highest number.
    LowestPriority,
    /// At power-on ports are served from the highest number down; afterwards who came last goes first.
    FirstCome,
    /// Nothing is switched off: a port that would exceed the budget is not switched on.
    DenyNew,
    /// As `lowest-priority`, and the switch tries again every few seconds in reverse order.
    Retry,
}

impl ShedPolicy {
    /// The document's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LowestPriority => "lowest-priority",
            Self::FirstCome => "first-come",
            Self::DenyNew => "deny-new",
            Self::Retry => "retry",
        }
    }
}

/// A port in use and the device on it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Port {
    /// The port's number as printed on the switch, from 1.
    pub port: PortNumber,
    /// The device on it: a node's name, or another device's own.
    pub device: Label,
    /// The device's model in poe-budget's catalogue, for a device that is not a node (a travel router). Default none.
    pub model: Option<Label>,
    /// The cable between port and device. Default: not known, no loss and no voltage drop is computed.
    pub cable: Option<Cable>,
    /// The port's priority on the switch: 1 is kept longest. Default 3, the lowest that switches know.
    pub priority: Option<u8>,
    /// The limit set for this port in watts. Default: none beyond the switch's.
    pub limit_w: Option<PositiveWatts>,
    /// The class that the device signals, 0 to 8. Default: the model's.
    pub class: Option<PoeClass>,
    /// What the device draws at its Ethernet socket in watts. Default: the node's, else from the catalogue.
    pub draw_w: Option<Box<Draw>>,
    /// What the switch was seen to give on this port in watts: the cable's loss is in it. Default none.
    pub measured_w: Option<Box<Draw>>,
}

/// A drawn power: one number for all scenarios, or one for each.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Draw {
    /// While it starts, in watts.
    pub boot: Watts,
    /// With nothing to do, in watts.
    pub idle: Watts,
    /// On an ordinary day, in watts.
    pub typical: Watts,
    /// All parts at full load, in watts.
    pub stress: Watts,
}

/// The form of [`Draw`] with a number for each scenario.
#[derive(Deserialize, JsonSchema)]
struct DrawFields {
    /// While it starts, in watts.
    boot: Watts,
    /// With nothing to do, in watts.
    idle: Watts,
    /// On an ordinary day, in watts.
    typical: Watts,
    /// All parts at full load, in watts.
    stress: Watts,
}

impl<'de> Deserialize<'de> for Draw {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DrawVisitor;
        impl<'de> serde::de::Visitor<'de> for DrawVisitor {
            type Value = Draw;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number of watts, or an object with boot, idle, typical and stress")
            }

            fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Draw, E> {
                let w = Watts::try_from(value).map_err(E::custom)?;
                Ok(Draw {
                    boot: w,
                    idle: w,
                    typical: w,
                    stress: w,
                })
            }

            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Draw, E> {
                self.visit_f64(value as f64)
            }

            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Draw, E> {
                self.visit_f64(value as f64)
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Draw, A::Error> {
                let deserializer = serde::de::value::MapAccessDeserializer::new(map);
                let fields = DrawFields::deserialize(deserializer)?;
                Ok(Draw {
                    boot: fields.boot,
                    idle: fields.idle,
                    typical: fields.typical,
                    stress: fields.stress,
                })
            }
        }
        deserializer.deserialize_any(DrawVisitor)
    }
}

impl JsonSchema for Draw {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Draw".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let fields = generator.subschema_for::<DrawFields>();
        schemars::json_schema!({"anyOf": [{"type": "number", "minimum": 0}, fields]})
    }
}

/// An Ethernet cable.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Cable {
    /// Thickness of a conductor by the American Wire Gauge: 22 to 30.
    pub awg: Awg,
    /// Length in metres.
    pub length_m: Metres,
    /// Pairs that carry power: 2 or 4. Default: 2, or 4 where the device's class needs four.
    pub pairs: Option<Pairs>,
    /// Temperature of the cable in degrees Celsius. Default: the switch's `ambient_c`.
    pub temperature_c: Option<Celsius>,
    /// The cable's name in the parts list. Default none.
    pub part: Option<Line>,
}
