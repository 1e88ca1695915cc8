//! Netlink messages as bytes: headers and attributes (linux/netlink.h, linux/genetlink.h). Pure.

/// Length of a message's header.
const HEADER: usize = 16;
/// Length of a generic netlink header.
const GENERIC: usize = 4;
/// An attribute's type without its flags (`NLA_F_NESTED`, `NLA_F_NET_BYTEORDER`).
const TYPE_MASK: u16 = 0x3fff;

/// `NLM_F_REQUEST`.
pub const REQUEST: u16 = 1;
/// `NLM_F_ACK`.
pub const ACK: u16 = 4;
/// `NLM_F_ROOT | NLM_F_MATCH`: all there are.
pub const DUMP: u16 = 0x300;
/// `NLMSG_ERROR`; with the number 0 it is the acknowledgement.
pub const ERROR: u16 = 2;
/// `NLMSG_DONE`: the end of a dump.
pub const DONE: u16 = 3;

/// A request.
#[derive(Debug, Clone)]
pub struct Request {
    bytes: Vec<u8>,
}

impl Request {
    /// Of a generic netlink family, without attributes.
    pub fn new(family: u16, command: u8, flags: u16, sequence: u32) -> Self {
        Self::plain(family, flags, sequence, &[command, 1, 0, 0])
    }

    /// Of a family that is not generic: its type, and what follows the header.
    pub fn plain(kind: u16, flags: u16, sequence: u32, body: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(HEADER + body.len());
        bytes.extend(0u32.to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend((REQUEST | flags).to_ne_bytes());
        bytes.extend(sequence.to_ne_bytes());
        bytes.extend(0u32.to_ne_bytes());
        bytes.extend(body);
        Self { bytes }
    }

    /// With an attribute.
    #[must_use]
    pub fn attribute(mut self, kind: u16, value: &[u8]) -> Self {
        let length = (4 + value.len()) as u16;
        self.bytes.extend(length.to_ne_bytes());
        self.bytes.extend(kind.to_ne_bytes());
        self.bytes.extend(value);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self
    }

    /// Its bytes.
    pub fn bytes(mut self) -> Vec<u8> {
        let length = self.bytes.len() as u32;
        self.bytes[..4].copy_from_slice(&length.to_ne_bytes());
        self.bytes
    }
}

/// A message that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// Its type: a family's number, or [`ERROR`], [`DONE`].
    pub kind: u16,
    /// The sequence number of the request that it answers; 0 for an event.
    pub sequence: u32,
    /// What follows the header.
    pub body: &'a [u8],
}

impl<'a> Message<'a> {
    /// The generic netlink command.
    pub fn command(self) -> Option<u8> {
        self.body.first().copied()
    }

    /// The attributes behind the generic header.
    pub fn attributes(self) -> Attributes<'a> {
        Attributes(self.body.get(GENERIC..).unwrap_or_default())
    }

    /// The attributes behind a header of another length, as rtnetlink's families have.
    pub fn attributes_behind(self, length: usize) -> Attributes<'a> {
        Attributes(self.body.get(length..).unwrap_or_default())
    }

    /// What an [`ERROR`] message says: the errno, 0 for an acknowledgement.
    pub fn errno(self) -> i32 {
        let code = self
            .body
            .first_chunk()
            .map_or(0, |b| i32::from_ne_bytes(*b));
        code.saturating_neg()
    }
}

/// The messages in what was received at once. What is cut off at its end is passed over.
pub fn messages(mut bytes: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let header = bytes.get(..HEADER)?;
        let length = u32_at(header, 0)? as usize;
        let message = Message {
            kind: u16::from_ne_bytes([header[4], header[5]]),
            sequence: u32_at(header, 8)?,
            // Shorter than its own header is none, and would never end.
            body: bytes.get(HEADER..length)?,
        };
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(message)
    })
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at + 4)?.first_chunk()?;
    Some(u32::from_ne_bytes(*four))
}

/// A run of attributes.
#[derive(Debug, Clone, Copy)]
pub struct Attributes<'a>(pub &'a [u8]);

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let header = self.0.get(..4)?;
        let length = usize::from(u16::from_ne_bytes([header[0], header[1]]));
        let kind = u16::from_ne_bytes([header[2], header[3]]) & TYPE_MASK;
        let value = self.0.get(4..length)?;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    }
}

impl<'a> Attributes<'a> {
    /// The value of the first attribute of a type.
    pub fn get(mut self, kind: u16) -> Option<&'a [u8]> {
        self.find(|(found, _)| *found == kind)
            .map(|(_, value)| value)
    }

    /// The same as a number.
    pub fn number(self, kind: u16) -> Option<u32> {
        match *self.get(kind)? {
            [a] => Some(u32::from(a)),
            [a, b] => Some(u32::from(u16::from_ne_bytes([a, b]))),
            [a, b, c, d] => Some(u32::from_ne_bytes([a, b, c, d])),
            _ => None,
        }
    }

    /// The same as text, without the NUL that ends it.
    pub fn text(self, kind: u16) -> Option<String> {
        let bytes = self.get(kind)?;
        let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
        String::from_utf8(bytes[..end].to_vec()).ok()
    }

    /// The attributes inside one.
    pub fn nested(self, kind: u16) -> Option<Attributes<'a>> {
        self.get(kind).map(Attributes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let bytes = Request::new(28, 5, ACK, 7)
            .attribute(3, &9u32.to_ne_bytes())
            .attribute(4, b"wlan0\0")
            .bytes();
        let mut twice = bytes.clone();
        twice.extend(&bytes);
        let all: Vec<Message<'_>> = messages(&twice).collect();
        assert_eq!(all.len(), 2);
        assert_eq!(
            (all[1].kind, all[1].sequence, all[1].command()),
            (28, 7, Some(5))
        );
        let attributes = all[1].attributes();
        assert_eq!(attributes.number(3), Some(9));
        assert_eq!(attributes.text(4).as_deref(), Some("wlan0"));
        assert_eq!(attributes.get(5), None);
    }

    #[test]
    fn damaged_bytes_end_the_reading_and_nothing_else() {
        let bytes = Request::new(28, 5, ACK, 7).attribute(3, &[1; 300]).bytes();
        for cut in 0..bytes.len() {
            assert_eq!(messages(&bytes[..cut]).count(), 0);
        }
        for at in 0..bytes.len() {
            let mut wrong = bytes.clone();
            wrong[at] ^= 0xff;
            for message in messages(&wrong) {
                let _ = (message.errno(), message.attributes().count());
            }
        }
        assert_eq!(messages(&[0; 64]).count(), 0);
    }
}
