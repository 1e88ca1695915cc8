//! What a volume that was found has otherwise than the document asks for.

use crate::volume::{ServerQuorum, Volume};
use cluster::finding::Finding;

/// A volume that has another number of copies than the document asks for, or could have more sets.
pub fn other_shape(asked: &Volume, real: &Volume, offered: &[usize]) -> Option<Finding> {
    let free = |stick: &&usize| real.bricks().all(|brick| brick.stick != **stick);
    let unused = offered.iter().filter(free).count();
    let arbiter = |volume: &Volume| {
        if volume.arbiter {
            " with an arbiter"
        } else {
            ""
        }
    };
    if (real.replica, real.arbiter) != (asked.replica, asked.arbiter) {
        let message = format!(
            "the document asks for {} copies{}, and the volume has {}{}",
            asked.replica,
            arbiter(asked),
            real.replica,
            arbiter(real)
        );
        let fix = "--add NODE or --remove NODE plan the way there, step by step; or say in the document what is";
        return Some(Finding::error("gluster-differs", &asked.name, message).fix(fix));
    }
    (unused >= real.replica).then(|| {
        let message = format!("{unused} sticks that it could use hold no brick of it");
        Finding::info("gluster-could-grow", &asked.name, message)
            .fix("--add NODE,… plans a further set")
    })
}

/// A volume of which other quorums are in force than the document asks for.
pub fn other_rules(asked: &Volume, real: &Volume) -> Option<Finding> {
    let shown = |volume: &Volume| {
        let servers = match volume.server {
            None => "no server quorum".to_owned(),
            Some(ServerQuorum { ratio: None }) => "a server quorum of more than half".to_owned(),
            Some(ServerQuorum { ratio: Some(ratio) }) => {
                format!("a server quorum of {ratio} percent")
            }
        };
        format!("quorum {} and {servers}", volume.quorum)
    };
    (asked.rules() != real.rules()).then(|| {
        let message = format!(
            "in force are {}, and by these it is judged here; the document asks for {}",
            shown(real),
            shown(asked)
        );
        Finding::info("gluster-other-quorum", &asked.name, message)
            .fix("apply the steps, and look again with --observed")
    })
}
