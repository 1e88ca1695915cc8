//! The kernel's interface to radios (linux/nl80211.h).
//!
//! Our own few messages over a socket instead of a library: the crates for it bring an asynchronous runtime (`wl-nl80211`) or
//! a generic netlink framework (`neli`), each several times the size of what is needed here, and none has a typed
//! `PS_STATE`.

pub mod message;
mod number;
pub mod socket;

use anyhow::Context;
use message::{Attributes, Message};
use nix::sys::socket::SockProtocol;
use number::{
    ASSOCIATED, BSS_ELEMENTS, BSS_STATUS, CONTROL, ELEMENT_SSID, FAMILY_ID, FAMILY_NAME,
    FEATURE_SAE, GET_FAMILY, GROUP_ID, GROUP_NAME, GROUPS, SAE_OFFLOAD, STATION, STATION_SIGNAL,
    attribute, command,
};
use socket::{NOTHING, Socket, errno};
use std::collections::BTreeMap;

/// A wireless interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Its number.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// The radio's number.
    pub wiphy: u32,
    /// Whether it joins networks, instead of making one.
    pub is_station: bool,
    /// The SSID that it is in.
    pub ssid: Option<Vec<u8>>,
    /// The frequency in MHz.
    pub frequency_mhz: Option<u32>,
}

/// The access point that an interface is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Station {
    /// Its hardware address.
    pub bssid: [u8; 6],
    /// How strong it is heard, in dBm.
    pub signal_dbm: Option<i8>,
}

/// The kernel's radio interface.
#[derive(Debug)]
pub struct Radio {
    socket: Socket,
    family: u16,
    groups: BTreeMap<String, u32>,
}

impl Radio {
    /// Finds the family; `None` where the kernel has no radio support loaded.
    ///
    /// # Errors
    /// The kernel does not answer.
    pub fn open() -> anyhow::Result<Option<Self>> {
        let mut socket =
            Socket::open(SockProtocol::NetlinkGeneric).context("opening a netlink socket")?;
        let (mut family, mut groups) = (0, BTreeMap::new());
        let found = socket.ask(
            CONTROL,
            GET_FAMILY,
            false,
            &[(FAMILY_NAME, b"nl80211\0")],
            |m| {
                let attributes = m.attributes();
                family = attributes.number(FAMILY_ID).unwrap_or(0) as u16;
                groups = multicast(attributes);
            },
        );
        match found {
            Ok(()) => Ok(Some(Self {
                socket,
                family,
                groups,
            })),
            Err(error) if errno(&error) == Some(NOTHING) => Ok(None),
            Err(error) => Err(error).context("looking for nl80211"),
        }
    }

    fn ask(
        &mut self,
        command: u8,
        dump: bool,
        attributes: &[(u16, &[u8])],
        take: impl FnMut(Message<'_>),
    ) -> anyhow::Result<()> {
        self.socket
            .ask(self.family, command, dump, attributes, take)
    }

    /// A socket on which this kind of events comes: `mlme`, `config`, `regulatory`.
    ///
    /// # Errors
    /// There is no such kind, or the kernel refuses.
    pub fn events(&self, groups: &[&str]) -> anyhow::Result<Socket> {
        let socket =
            Socket::open(SockProtocol::NetlinkGeneric).context("opening a netlink socket")?;
        for group in groups {
            let id = self
                .groups
                .get(*group)
                .with_context(|| format!("joining {group}: the kernel has no such events"))?;
            socket
                .join(*id)
                .with_context(|| format!("joining {group}"))?;
        }
        Ok(socket)
    }

    /// All wireless interfaces.
    ///
    /// # Errors
    /// The kernel does not answer.
    pub fn interfaces(&mut self) -> anyhow::Result<Vec<Interface>> {
        let mut all = Vec::new();
        self.ask(command::GET_INTERFACE, true, &[], |message| {
            all.extend(interface(message.attributes()));
        })?;
        Ok(all)
    }

    /// The interface of this name.
    ///
    /// # Errors
    /// The kernel does not answer.
    pub fn interface(&mut self, name: &str) -> anyhow::Result<Option<Interface>> {
        let found = self
            .interfaces()?
            .into_iter()
            .find(|found| found.name == name);
        match found {
            Some(own) if own.is_station && own.ssid.is_none() => {
                let ssid = self.associated(own.index)?;
                Ok(Some(Interface { ssid, ..own }))
            }
            found => Ok(found),
        }
    }

    /// The SSID of the access point that a station is in, from what was heard of it: not every kernel tells it of the
    /// interface where wpa_supplicant itself does the association.
    fn associated(&mut self, index: u32) -> anyhow::Result<Option<Vec<u8>>> {
        let mut ssid = None;
        let at = [(attribute::INTERFACE, &index.to_ne_bytes()[..])];
        self.ask(command::GET_SCAN, true, &at, |message| {
            let bss = message.attributes().nested(attribute::BSS);
            let own = bss.filter(|bss| bss.number(BSS_STATUS) == Some(ASSOCIATED));
            let name = own.and_then(|bss| element(bss.get(BSS_ELEMENTS)?, ELEMENT_SSID));
            ssid = ssid.take().or(name.map(<[u8]>::to_vec));
        })?;
        Ok(ssid)
    }

    /// The access point that a station is in.
    ///
    /// # Errors
    /// The kernel does not answer.
    pub fn station(&mut self, index: u32) -> anyhow::Result<Option<Station>> {
        let mut found = None;
        let at = [(attribute::INTERFACE, &index.to_ne_bytes()[..])];
        self.ask(command::GET_STATION, true, &at, |message| {
            let attributes = message.attributes();
            let bssid = attributes.get(attribute::ADDRESS);
            let info = attributes.nested(attribute::STATION);
            found = bssid
                .and_then(|b| b.first_chunk().copied())
                .map(|bssid| Station {
                    bssid,
                    signal_dbm: info
                        .and_then(|info| info.number(STATION_SIGNAL))
                        .map(|signal| signal as u8 as i8),
                });
        })?;
        Ok(found)
    }

    /// Whether power save is on; `None` where the driver does not say.
    ///
    /// # Errors
    /// The kernel does not answer.
    pub fn power_save(&mut self, index: u32) -> anyhow::Result<Option<bool>> {
        let mut state = None;
        let at = [(attribute::INTERFACE, &index.to_ne_bytes()[..])];
        let asked = self.ask(command::GET_POWER_SAVE, false, &at, |message| {
            state = message.attributes().number(attribute::POWER_SAVE);
        });
        match asked {
            Ok(()) => Ok(state.map(|state| state != 0)),
            Err(error) if errno(&error) == Some(nix::libc::EOPNOTSUPP) => Ok(None),
            Err(error) => Err(error).context("reading power save"),
        }
    }

    /// Sets power save.
    ///
    /// # Errors
    /// The driver refuses, or the caller may not.
    pub fn set_power_save(&mut self, index: u32, on: bool) -> anyhow::Result<()> {
        let attributes = [
            (attribute::INTERFACE, &index.to_ne_bytes()[..]),
            (attribute::POWER_SAVE, &u32::from(on).to_ne_bytes()[..]),
        ];
        self.ask(command::SET_POWER_SAVE, false, &attributes, |_| {})
            .context("setting power save")
    }

    /// The country of the radio rules: the kernel's, or a radio's own where it manages them itself.
    ///
    /// # Errors
    /// The kernel does not answer.
    pub fn country(&mut self, wiphy: Option<u32>) -> anyhow::Result<Option<String>> {
        let number = wiphy.unwrap_or(0).to_ne_bytes();
        let attributes = [(attribute::WIPHY, &number[..])];
        let attributes = if wiphy.is_some() {
            &attributes[..]
        } else {
            &[]
        };
        let (mut country, mut own) = (None, false);
        self.ask(command::GET_REGULATORY, false, attributes, |message| {
            let attributes = message.attributes();
            country = attributes.text(attribute::COUNTRY);
            own = attributes.get(attribute::SELF_MANAGED).is_some()
                || attributes.get(attribute::WIPHY).is_some();
        })
        .context("reading the radio rules")?;
        // Asked for a radio without rules of its own, the kernel gives its global ones.
        Ok(country.filter(|_| wiphy.is_none() || own))
    }

    /// Asks for a country's rules. The kernel answers before it did so, and says nothing where it knows no such country:
    /// read it back.
    ///
    /// # Errors
    /// The caller may not.
    pub fn request_country(&mut self, country: &str) -> anyhow::Result<()> {
        let mut text = country.as_bytes().to_vec();
        text.push(0);
        self.ask(
            command::REQUEST_REGULATORY,
            false,
            &[(attribute::COUNTRY, &text)],
            |_| {},
        )
        .context("setting the radio rules")
    }

    /// Whether driver and firmware can do SAE (WPA3).
    ///
    /// # Errors
    /// The kernel does not answer.
    pub fn can_sae(&mut self, wiphy: u32) -> anyhow::Result<bool> {
        let mut can = false;
        let attributes = [
            (attribute::WIPHY, &wiphy.to_ne_bytes()[..]),
            (attribute::SPLIT, &[][..]),
        ];
        self.ask(command::GET_WIPHY, true, &attributes, |message| {
            let attributes = message.attributes();
            if attributes.number(attribute::WIPHY) != Some(wiphy) {
                return;
            }
            let flags = attributes.number(attribute::FEATURES).unwrap_or(0);
            let more = attributes.get(attribute::MORE_FEATURES).unwrap_or_default();
            let offload = more
                .get(SAE_OFFLOAD / 8)
                .is_some_and(|byte| byte & (1 << (SAE_OFFLOAD % 8)) != 0);
            can |= flags & FEATURE_SAE != 0 || offload;
        })?;
        Ok(can)
    }
}

/// The first element of this number: a number, a length, and as many bytes.
pub fn element(mut elements: &[u8], wanted: u8) -> Option<&[u8]> {
    loop {
        let [number, length, rest @ ..] = elements else {
            return None;
        };
        let (body, after) = rest.split_at_checked(usize::from(*length))?;
        if *number == wanted {
            return Some(body);
        }
        elements = after;
    }
}

/// The numbers of a family's groups of events, by name.
pub fn multicast(attributes: Attributes<'_>) -> BTreeMap<String, u32> {
    let groups = attributes.nested(GROUPS).into_iter().flatten();
    groups
        .filter_map(|(_, group)| {
            let group = Attributes(group);
            Some((group.text(GROUP_NAME)?, group.number(GROUP_ID)?))
        })
        .collect()
}

/// An interface, as the kernel lists it; `None` without number, name or radio.
pub fn interface(attributes: Attributes<'_>) -> Option<Interface> {
    Some(Interface {
        index: attributes.number(attribute::INTERFACE)?,
        name: attributes.text(attribute::NAME)?,
        wiphy: attributes.number(attribute::WIPHY)?,
        is_station: attributes.number(attribute::TYPE) == Some(STATION),
        ssid: attributes.get(attribute::SSID).map(<[u8]>::to_vec),
        frequency_mhz: attributes.number(attribute::FREQUENCY),
    })
}

#[cfg(test)]
mod tests {
    use super::element;

    #[test]
    fn elements_are_found_and_cut_ones_are_not() {
        let bytes = [1, 2, 9, 9, 0, 3, 97, 0, 255, 3, 0];
        assert_eq!(element(&bytes, 0), Some(&[97, 0, 255][..]));
        assert_eq!(element(&bytes, 3), Some(&[][..]));
        assert_eq!(element(&bytes[..6], 0), None);
        assert_eq!(element(&bytes, 7), None);
    }
}
