//! Split-brain: the proof that it cannot happen, or a shortest way to it.

use crate::site::Site;
use crate::volume::{Brick, Quorum, Volume, data_bricks};
use schemars::JsonSchema;
use serde::Serialize;

/// Whether two parts of a set can change the same file without knowing of each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SplitBrain {
    /// Whether it can happen.
    pub possible: bool,
    /// Why it cannot; `null` where it can.
    pub proof: Option<String>,
    /// Events that produce it; `null` where there are none.
    pub example: Option<Vec<String>>,
}

/// Two quorums of a set of `bricks` that have no brick in common, as few bricks as possible each; `None` where every two
/// have one. An arbiter cannot serve alone, so a quorum holds a brick with data.
pub fn disjoint(quorum: Quorum, bricks: usize, arbiter: bool) -> Option<(u32, u32)> {
    let data = data_bricks(bricks, arbiter);
    // Disjoint quorums can be made smaller until they have the least size, so the least ones decide.
    let least = match quorum {
        // More than half twice is more than all; half twice has the first brick twice.
        Quorum::Auto => return None,
        Quorum::Fixed(count) => usize::from(count).max(1),
        Quorum::None => 1,
    };
    (2 * least <= bricks && data >= 2).then(|| {
        let (mut first, mut second) = (0u32, 0u32);
        for place in 0..least {
            first |= 1 << place;
            second |= 1 << (least + place);
        }
        (first, second)
    })
}

/// The answer for a volume; all its sets have the same rule.
pub fn of(volume: &Volume, site: &Site) -> SplitBrain {
    match disjoint(volume.quorum, volume.replica, volume.arbiter) {
        None => SplitBrain {
            possible: false,
            proof: Some(proof(volume)),
            example: None,
        },
        Some(quorums) => SplitBrain {
            possible: true,
            proof: None,
            example: volume.sets.first().map(|set| example(set, site, quorums)),
        },
    }
}

/// How two quorums of a set come to disagree. What is lost here is a stick or its node: a stick that drops out leaves its
/// server up, so a server quorum sees nothing.
fn example(set: &[Brick], site: &Site, (first, second): (u32, u32)) -> Vec<String> {
    let names = |bits: u32| {
        let some = set
            .iter()
            .enumerate()
            .filter(|(place, _)| bits >> place & 1 == 1);
        let some = some.map(|(_, brick)| site.stick_name(brick.stick));
        some.collect::<Vec<_>>().join(", ")
    };
    let all = crate::oracle::mask(set.len());
    vec![
        format!(
            "{} drop out; {} are a quorum",
            names(all & !first),
            names(first)
        ),
        format!(
            "a file is changed: {} have version 2, {} still have version 1",
            names(first),
            names(all & !first)
        ),
        format!(
            "{} come back, and {} drop out before they are healed",
            names(second),
            names(all & !second)
        ),
        format!(
            "{} are a quorum too: version 1 is read, and changed to version 3",
            names(second)
        ),
        "all come back: each side says that the other is old, and the file cannot be read"
            .to_owned(),
    ]
}

fn proof(volume: &Volume) -> String {
    let n = volume.replica;
    match volume.quorum {
        _ if n < 2 => "there is one copy of each file, and nothing to disagree with".to_owned(),
        Quorum::Auto if n % 2 == 1 => format!(
            "a quorum is at least {} of {n} bricks, and 2 x {} > {n}: every two have a brick in common, which knows the newer version",
            n / 2 + 1,
            n / 2 + 1
        ),
        Quorum::Auto => format!(
            "a quorum is at least {} of {n} bricks, or {} with brick 1: every two have a brick in common, which knows the newer version",
            n / 2 + 1,
            n / 2
        ),
        Quorum::Fixed(count) => format!(
            "a quorum is at least {count} of {n} bricks, and 2 x {count} > {n}: every two have a brick in common, which knows the newer version"
        ),
        Quorum::None => format!("of {n} bricks only one holds data"),
    }
}
