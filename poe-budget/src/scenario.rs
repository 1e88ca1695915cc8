//! The four states that a rack is in, and a value for each.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the devices do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scenario {
    /// All start at once, as after a power cut.
    Boot,
    /// Nothing to do.
    Idle,
    /// An ordinary day.
    Typical,
    /// Every part at full load.
    Stress,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Boot, Self::Idle, Self::Typical, Self::Stress];

    /// The word in a document.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Boot => "boot",
            Self::Idle => "idle",
            Self::Typical => "typical",
            Self::Stress => "stress",
        }
    }
}

/// A value for each scenario.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PerScenario<T> {
    /// While everything starts.
    pub boot: T,
    /// With nothing to do.
    pub idle: T,
    /// On an ordinary day.
    pub typical: T,
    /// At full load.
    pub stress: T,
}

impl<T: Copy> PerScenario<T> {
    /// The same value in each.
    pub fn same(value: T) -> Self {
        Self {
            boot: value,
            idle: value,
            typical: value,
            stress: value,
        }
    }

    /// The value in one scenario.
    pub fn get(&self, scenario: Scenario) -> T {
        match scenario {
            Scenario::Boot => self.boot,
            Scenario::Idle => self.idle,
            Scenario::Typical => self.typical,
            Scenario::Stress => self.stress,
        }
    }

    /// Each value changed by `change`.
    pub fn map<U>(&self, mut change: impl FnMut(T) -> U) -> PerScenario<U> {
        PerScenario {
            boot: change(self.boot),
            idle: change(self.idle),
            typical: change(self.typical),
            stress: change(self.stress),
        }
    }

    /// The scenario with the highest value; of equals the last.
    pub fn highest(&self) -> Scenario
    where
        T: PartialOrd,
    {
        let mut highest = Scenario::Boot;
        for scenario in Scenario::ALL {
            if self.get(scenario) >= self.get(highest) {
                highest = scenario;
            }
        }
        highest
    }
}
