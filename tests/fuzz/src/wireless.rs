//! What the kernel and wpa_supplicant tell of a radio: netlink messages, lines of the kernel's log, answers and events; and the
//! connection that pi-wifi was started over.

use super::bytes;
use pi_wifi::nl80211::message::{Attributes, Request, messages};
use pi_wifi::nl80211::{element, interface, multicast};
use pi_wifi::{control, kernel_log, ssh};

/// Reading ends, and gives only what lies within what was received; what is written is read back.
pub fn run(data: &[u8]) {
    let (choice, data) = bytes::choice(data);
    match choice % 3 {
        0 => received(data),
        1 => written(data),
        _ => {
            if let Some(text) = bytes::text(data) {
                lines(text);
            }
        }
    }
}

fn received(data: &[u8]) {
    let inside = |part: &[u8]| {
        let (outer, inner) = (data.as_ptr_range(), part.as_ptr_range());
        assert!(part.is_empty() || (outer.start <= inner.start && inner.end <= outer.end));
    };
    let mut count = 0;
    for message in messages(data) {
        count += 1;
        inside(message.body);
        let _ = (
            message.errno(),
            message.command(),
            message.attributes_behind(16).count(),
            ssh::parse_progress(message),
        );
        let attributes = message.attributes();
        for (kind, value) in attributes {
            inside(value);
            assert_eq!(
                attributes.get(kind).is_some(),
                attributes.nested(kind).is_some()
            );
            let _ = (attributes.number(kind), attributes.text(kind));
            let _ = element(value, 0).map(inside);
            assert!(Attributes(value).count() <= value.len() / 4);
        }
        let _ = (interface(attributes), multicast(attributes));
    }
    assert!(count <= data.len() / 16);
}

fn written(data: &[u8]) {
    let request = Request::new(28, 5, 4, 7)
        .attribute(3, data)
        .attribute(4, b"wlan0\0");
    let bytes = request.bytes();
    let all: Vec<_> = messages(&bytes).collect();
    assert_eq!(all.len(), 1);
    let attributes = all[0].attributes();
    assert_eq!(attributes.get(3), Some(data));
    assert_eq!(attributes.text(4).as_deref(), Some("wlan0"));
}

fn lines(text: &str) {
    if let Some(line) = kernel_log::line(text) {
        assert!(!line.text.contains('\n'));
    }
    let _ = control::trouble(text);
    for (name, _) in control::fields(text) {
        assert!(!name.contains(['=', '\n']));
    }
    let _ = control::networks(text);
    let _ = text.lines().next().and_then(ssh::parse);
}
