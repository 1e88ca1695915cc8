//! Names of systemd's units (systemd.unit(5), "String Escaping for Inclusion in Unit Names").

/// A path in a unit's name, as `systemd-escape --path` writes it. The root folder is `-`.
pub fn of_path(path: &str) -> String {
    match path.trim_matches('/') {
        "" => "-".to_owned(),
        path => escape(path),
    }
}

/// A text in a unit's name, as `systemd-escape` writes it: the instance of a template.
pub fn escape(text: &str) -> String {
    let mut name = String::new();
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'/' => name.push('-'),
            b'.' if index == 0 => name.push_str("\\x2e"),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b':' | b'_' | b'.' => {
                name.push(char::from(byte));
            }
            byte => name.push_str(&format!("\\x{byte:02x}")),
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    // Each is what systemd-escape 252 printed.
    #[test]
    fn names_are_those_of_systemd() {
        for (path, name) in [
            ("/", "-"),
            ("/mnt/docker", "mnt-docker"),
            ("/mnt/a-b", "mnt-a\\x2db"),
            ("/.hidden/a.b", "\\x2ehidden-a.b"),
            ("/mnt/é", "mnt-\\xc3\\xa9"),
        ] {
            assert_eq!(of_path(path), name);
        }
        assert_eq!(escape("wlan0"), "wlan0");
        assert_eq!(escape("wl-0.1"), "wl\\x2d0.1");
    }
}
