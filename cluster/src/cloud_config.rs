//! Configuration of RancherOS and BurmillaOS: the one writer for what several tools put into it.
//!
//! What is known of its traps stands here once (rancher/os `config/schema.go`, and its validation and YAML code run on examples):
//! a scalar that is not ASCII makes the whole file void, an unquoted one may change (`01234567` becomes 342391), a merge replaces
//! lists, a `mounts` entry has exactly four strings, `runcmd` items are not lists, strings in a list may not stand twice. So every scalar
//! is written between double quotes, everything is ASCII, and lists are only ever appended to.

use crate::inventory::Os;
use serde_json::Value;
use std::collections::BTreeMap;

mod mounts;

use mounts::{check_mount, four};
pub use mounts::{mounts_value, read_mounts};

/// The first line of every such file.
pub const HEADER: &str = "#cloud-config\n";

/// The keys that the schema knows at the top beside the system's own.
const TOP: [&str; 6] = [
    "bootcmd",
    "hostname",
    "mounts",
    "runcmd",
    "ssh_authorized_keys",
    "write_files",
];
/// The fields of a `write_files` entry; all are strings.
const WRITE_FILE: [&str; 6] = [
    "container",
    "content",
    "encoding",
    "owner",
    "path",
    "permissions",
];

/// A system's own key, which also names its folder; `None` for a system that reads no such file.
fn root_key(os: Os) -> Option<&'static str> {
    match os {
        Os::RancherOs => Some("rancher"),
        Os::BurmillaOs => Some("burmilla"),
        Os::RaspiOs | Os::Ubuntu | Os::Debian => None,
    }
}

/// Where a tool's fragment stands on a node (burmillaos.org and rancher/docs, "Configuration Load Order": the files of this
/// folder are read in the order of their names); `None` for a system that reads none.
pub fn path(os: Os, tool: &str) -> Option<String> {
    let key = root_key(os)?;
    Some(format!("/var/lib/{key}/conf/cloud-config.d/{tool}.yml"))
}

/// A cloud-config under construction.
#[derive(Debug, Clone, PartialEq)]
pub struct CloudConfig {
    root: &'static str,
    top: BTreeMap<String, Value>,
}

impl CloudConfig {
    /// An empty one for this system; `None` for a system that has none.
    pub fn new(os: Os) -> Option<Self> {
        Some(Self {
            root: root_key(os)?,
            top: BTreeMap::new(),
        })
    }

    /// Appends a mount: device, mount point, type, options.
    ///
    /// # Errors
    /// A string is not printable ASCII.
    pub fn mount(&mut self, entry: &[String; 4]) -> Result<(), String> {
        check_mount(entry)?;
        let entry: Vec<Value> = entry
            .iter()
            .map(|field| Value::from(field.as_str()))
            .collect();
        self.append("mounts", Value::from(entry))
    }

    /// Appends a command that runs at the end of each start.
    ///
    /// # Errors
    /// It is not ASCII.
    pub fn run(&mut self, command: &str) -> Result<(), String> {
        self.append("runcmd", Value::from(command))
    }

    /// Appends a file that is written at each start.
    ///
    /// # Errors
    /// It is not ASCII; base64 with the encoding `base64` is.
    pub fn file(&mut self, fields: &[(&str, &str)]) -> Result<(), String> {
        if let Some((name, _)) = fields.iter().find(|(name, _)| !WRITE_FILE.contains(name)) {
            return Err(format!("write_files has no field {name:?}"));
        }
        let entry = fields.iter().map(|(name, text)| (*name, *text));
        let object: serde_json::Map<String, Value> = entry
            .map(|(name, text)| (name.to_owned(), Value::from(text)))
            .collect();
        self.append("write_files", Value::Object(object))
    }

    /// Sets a value below the system's own key, such as `["network", "interfaces", "eth*", "dhcp"]`. Objects are merged; a list that
    /// is there is appended to.
    ///
    /// # Errors
    /// It is not ASCII, the path is empty, or another value stands in its place.
    pub fn set(&mut self, path: &[&str], value: Value) -> Result<(), String> {
        let place = format!("{}.{}", self.root, path.join("."));
        check(&place, &value)?;
        if path.is_empty() {
            return Err("a value needs a place".to_owned());
        }
        let mut at = self
            .top
            .entry(self.root.to_owned())
            .or_insert_with(|| Value::Object(serde_json::Map::new()));
        for name in path {
            check_key(name)?;
            let Value::Object(object) = at else {
                return Err(format!("{place}: another value stands in its place"));
            };
            at = object.entry((*name).to_owned()).or_insert(Value::Null);
            if at.is_null() && Some(name) != path.last() {
                *at = Value::Object(serde_json::Map::new());
            }
        }
        merge(at, value).map_err(|()| format!("{place}: another value stands in its place"))
    }

    fn append(&mut self, key: &str, item: Value) -> Result<(), String> {
        debug_assert!(TOP.contains(&key));
        check(key, &item)?;
        let list = self
            .top
            .entry(key.to_owned())
            .or_insert_with(|| Value::Array(Vec::new()));
        merge(list, Value::Array(vec![item])).map_err(|()| format!("{key}: no list"))
    }

    /// Adds a fragment that was written by [`CloudConfig::text`]: objects are merged, lists appended to, so that several tools'
    /// fragments add up.
    ///
    /// # Errors
    /// It is of another form or system, holds what the system would not take, or contradicts what is there.
    pub fn merge(&mut self, text: &str) -> Result<(), String> {
        let lines = text
            .strip_prefix(HEADER)
            .ok_or_else(|| format!("expected {HEADER:?} as its first line"))?;
        for line in lines.lines().filter(|line| !line.trim().is_empty()) {
            let wrong =
                |_| format!("expected lines of the form \"key\": value as JSON, found {line:?}");
            let object: serde_json::Map<String, Value> =
                serde_json::from_str(&format!("{{{line}}}")).map_err(wrong)?;
            for (key, value) in object {
                self.add(&key, value)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, key: &str, value: Value) -> Result<(), String> {
        let (key, value) = match (key, value) {
            (key, Value::Object(own)) if key == self.root => {
                for (name, value) in own {
                    self.set(&[&name], value)?;
                }
                return Ok(());
            }
            ("mounts", Value::Array(entries)) => {
                for entry in entries {
                    let fields = serde_json::from_value(entry)
                        .map_err(|error| format!("mounts: {error}"))?;
                    self.mount(&four(fields)?)?;
                }
                return Ok(());
            }
            (key, value) if TOP.contains(&key) => {
                let (fits, form) = match key {
                    "hostname" => (value.is_string(), "text"),
                    _ => (value.is_array(), "a list"),
                };
                if !fits {
                    return Err(format!("{key}: expected {form}, found {value}"));
                }
                (key, value)
            }
            (key, _) => return Err(format!("{key}: not a key of {}'s", self.root)),
        };
        check(key, &value)?;
        let at = self.top.entry(key.to_owned()).or_insert(Value::Null);
        merge(at, value).map_err(|()| format!("{key}: another value stands in its place"))
    }

    /// The file: its header, and YAML in which every scalar stands between double quotes.
    pub fn text(&self) -> String {
        let mut text = HEADER.to_owned();
        for (key, value) in &self.top {
            text.push_str(&format!("{}: {}\n", quoted(key), flow(value)));
        }
        text
    }
}

fn check(place: &str, value: &Value) -> Result<(), String> {
    match value {
        Value::String(text) => check_text(place, text),
        Value::Array(list) => {
            for (index, item) in list.iter().enumerate() {
                check(place, item)?;
                if list[..index].contains(item) {
                    return Err(format!(
                        "{place}: {item} stands twice, which the schema forbids"
                    ));
                }
            }
            Ok(())
        }
        Value::Object(object) => object.iter().try_for_each(|(key, value)| {
            check_key(key)?;
            check(&format!("{place}.{key}"), value)
        }),
        Value::Bool(_) | Value::Number(_) => Ok(()),
        Value::Null => Err(format!("{place}: an empty value")),
    }
}

fn check_text(place: &str, text: &str) -> Result<(), String> {
    let good = |c: char| c.is_ascii() && (!c.is_ascii_control() || matches!(c, '\n' | '\t'));
    if text.chars().all(good) {
        return Ok(());
    }
    Err(format!(
        "{place}: {text:?} is not plain ASCII, and one such scalar makes RancherOS drop the whole file"
    ))
}

/// A key named `n` or like a number makes the validator panic, because YAML 1.1 takes it for something else.
fn check_key(key: &str) -> Result<(), String> {
    check_text("a key", key)?;
    let words = [
        "y", "n", "yes", "no", "on", "off", "true", "false", "null", "~", "",
    ];
    if words.contains(&key.to_ascii_lowercase().as_str()) || key.parse::<f64>().is_ok() {
        return Err(format!(
            "the key {key:?} is taken for something else than text"
        ));
    }
    Ok(())
}

fn merge(at: &mut Value, value: Value) -> Result<(), ()> {
    match (at, value) {
        (at @ Value::Null, value) => *at = value,
        (Value::Array(list), Value::Array(more)) => {
            for item in more {
                if !list.contains(&item) {
                    list.push(item);
                }
            }
        }
        (Value::Object(object), Value::Object(more)) => {
            for (key, value) in more {
                merge(object.entry(key).or_insert(Value::Null), value)?;
            }
        }
        (at, value) if *at == value => {}
        _ => return Err(()),
    }
    Ok(())
}

/// YAML's flow style, which is JSON: every key and every text between double quotes.
fn flow(value: &Value) -> String {
    value.to_string()
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entry(fields: [&str; 4]) -> [String; 4] {
        fields.map(str::to_owned)
    }

    #[test]
    fn fragments_add_up_and_lists_are_appended_to() {
        let mut config = CloudConfig::new(Os::BurmillaOs).unwrap();
        config
            .mount(&entry(["UUID=1", "/mnt/a", "ext4", ""]))
            .unwrap();
        config
            .mount(&entry(["UUID=2", "/mnt/b", "ext4", "noatime"]))
            .unwrap();
        config.run("iw wlan0 set power_save off").unwrap();
        config
            .set(&["docker", "extra_args"], json!(["--a=1"]))
            .unwrap();
        config
            .set(&["docker", "extra_args"], json!(["--b=01"]))
            .unwrap();
        config.set(&["network", "dhcp_timeout"], json!(30)).unwrap();
        assert_eq!(
            config.text(),
            "#cloud-config\n\
             \"burmilla\": {\"docker\":{\"extra_args\":[\"--a=1\",\"--b=01\"]},\"network\":{\"dhcp_timeout\":30}}\n\
             \"mounts\": [[\"UUID=1\",\"/mnt/a\",\"ext4\",\"\"],[\"UUID=2\",\"/mnt/b\",\"ext4\",\"noatime\"]]\n\
             \"runcmd\": [\"iw wlan0 set power_save off\"]\n"
        );
        assert!(CloudConfig::new(Os::Ubuntu).is_none());
    }

    #[test]
    fn fragments_of_several_tools_become_one() {
        let mut config = CloudConfig::new(Os::RancherOs).unwrap();
        config.set(&["modules"], json!(["brcmfmac"])).unwrap();
        config.run("true").unwrap();
        let other = "#cloud-config\n\"mounts\": [[\"LABEL=docker\",\"/mnt/docker\",\"ext4\",\"noatime\"]]\n\"rancher\": {\"docker\":{\"graph\":\"/mnt/docker\"},\"modules\":[\"overlay\"]}\n\"runcmd\": [\"false\"]\n";
        config.merge(other).unwrap();
        config.merge(other).unwrap();
        assert_eq!(
            config.text(),
            "#cloud-config\n\"mounts\": [[\"LABEL=docker\",\"/mnt/docker\",\"ext4\",\"noatime\"]]\n\"rancher\": {\"docker\":{\"graph\":\"/mnt/docker\"},\"modules\":[\"brcmfmac\",\"overlay\"]}\n\"runcmd\": [\"true\",\"false\"]\n"
        );
        for wrong in [
            "\"hostname\": \"a\"\n",
            "#cloud-config\nhostname: a\n",
            "#cloud-config\n\"burmilla\": {}\n",
            "#cloud-config\n\"users\": []\n",
            "#cloud-config\n\"mounts\": [[\"a\"]]\n",
            "#cloud-config\n\"rancher\": {\"docker\":{\"graph\":\"/other\"}}\n",
        ] {
            assert!(config.merge(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_fragment_has_a_place_on_systems_that_read_it() {
        let of = |os| path(os, "pi-wifi");
        let rancher = "/var/lib/rancher/conf/cloud-config.d/pi-wifi.yml";
        assert_eq!(of(Os::RancherOs).as_deref(), Some(rancher));
        let burmilla = "/var/lib/burmilla/conf/cloud-config.d/pi-wifi.yml";
        assert_eq!(of(Os::BurmillaOs).as_deref(), Some(burmilla));
        assert_eq!(of(Os::Debian), None);
    }

    #[test]
    fn what_would_void_or_change_the_file_is_refused() {
        let mut config = CloudConfig::new(Os::RancherOs).unwrap();
        assert!(config.run("echo é").is_err());
        assert!(config.mount(&entry(["", "/mnt", "ext4", ""])).is_err());
        assert!(config.set(&["network", "n"], json!({})).is_err());
        assert!(config.set(&["network", "1"], json!({})).is_err());
        assert!(
            config
                .set(&["docker", "extra_args"], json!(["a", "a"]))
                .is_err()
        );
        assert!(config.set(&[], json!({})).is_err());
        assert!(config.file(&[("mode", "0600")]).is_err());
        config.set(&["docker", "graph"], json!("/a")).unwrap();
        assert!(config.set(&["docker", "graph"], json!("/b")).is_err());
        assert!(config.set(&["docker", "graph", "x"], json!("/b")).is_err());
        for line in [
            r#""mounts": -11"#,
            r#""runcmd": {"a": 1}"#,
            r#""hostname": ["pi1"]"#,
        ] {
            let wrong = config.merge(&format!("{HEADER}{line}\n")).unwrap_err();
            assert!(wrong.contains("expected"), "{line}: {wrong}");
        }
        config
            .file(&[("path", "/etc/x"), ("permissions", "0600")])
            .unwrap();
        assert!(config.text().contains("\"permissions\":\"0600\""));
    }
}
