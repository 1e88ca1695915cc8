//! Cloud-configs of RancherOS and BurmillaOS: fragments that are merged, and what `ros config get mounts` prints.

use super::bytes;
use cluster::cloud_config::{CloudConfig, HEADER, mounts_value, read_mounts};
use cluster::inventory::Os;
use serde_json::{Map, Value};

/// What is merged is read back as the same, merging it once more changes nothing, and every key and list item of each
/// fragment is there; lists of mounts come back as they were written.
pub fn run(data: &[u8]) {
    let (choice, data) = bytes::choice(data);
    let Some(text) = bytes::text(data) else {
        return;
    };
    if choice % 3 == 2 {
        return mounts(text);
    }
    let os = [Os::RancherOs, Os::BurmillaOs][choice % 3];
    let mut config = CloudConfig::new(os).expect("a system with cloud-config");
    let mut merged = Vec::new();
    for piece in bytes::pieces(text.as_bytes()) {
        let fragment = bytes::text(piece).expect("cut at ASCII");
        if config.merge(fragment).is_err() {
            // A refused fragment refuses the whole file: what was taken of it before is not used.
            return;
        }
        merged.push(fragment);
    }
    let written = config.text();
    assert!(written.is_ascii());
    let mut again = CloudConfig::new(os).expect("a system with cloud-config");
    again.merge(&written).expect("reading what was written");
    assert_eq!(again.text(), written);
    for fragment in &merged {
        again.merge(fragment).expect("merging once more");
        within(&object(fragment), &object(&written));
    }
    assert_eq!(again.text(), written);
}

fn mounts(text: &str) {
    let Ok(mounts) = read_mounts(text) else {
        return;
    };
    if let Ok(value) = mounts_value(&mounts) {
        assert_eq!(read_mounts(&value), Ok(mounts));
    }
}

/// The lines of a fragment as one object; of keys that stand twice, all that they hold.
fn object(fragment: &str) -> Value {
    let body = fragment.strip_prefix(HEADER).expect("its first line");
    let mut all = Map::new();
    for line in body.lines().filter(|line| !line.trim().is_empty()) {
        let object: Map<String, Value> =
            serde_json::from_str(&format!("{{{line}}}")).expect("lines of JSON");
        for (key, value) in object {
            match (all.get_mut(&key), value) {
                (Some(Value::Array(list)), Value::Array(more)) => list.extend(more),
                (Some(Value::Object(there)), Value::Object(more)) => there.extend(more),
                (_, value) => {
                    all.insert(key, value);
                }
            }
        }
    }
    Value::Object(all)
}

/// Whether everything in `part` stands in `whole`.
fn within(part: &Value, whole: &Value) {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => {
            for (key, value) in part {
                match whole.get(key) {
                    Some(kept) => within(value, kept),
                    None => assert!(is_empty(value), "{key} is lost"),
                }
            }
        }
        (Value::Array(part), Value::Array(whole)) => {
            for item in part {
                assert!(whole.contains(item), "{item} is lost");
            }
        }
        (part, whole) => assert_eq!(part, whole),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(object) => object.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    }
}
