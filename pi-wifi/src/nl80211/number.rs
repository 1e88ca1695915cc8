//! The numbers of linux/nl80211.h and linux/genetlink.h that are used here.

/// The family that knows the others (`GENL_ID_CTRL`).
pub(super) const CONTROL: u16 = 16;
pub(super) const GET_FAMILY: u8 = 3;
pub(super) const FAMILY_ID: u16 = 1;
pub(super) const FAMILY_NAME: u16 = 2;
pub(super) const GROUPS: u16 = 7;
pub(super) const GROUP_NAME: u16 = 1;
pub(super) const GROUP_ID: u16 = 2;

/// Commands (`NL80211_CMD_…`).
pub(super) mod command {
    pub const GET_WIPHY: u8 = 1;
    pub const GET_INTERFACE: u8 = 5;
    pub const GET_STATION: u8 = 17;
    pub const REQUEST_REGULATORY: u8 = 27;
    pub const GET_REGULATORY: u8 = 31;
    pub const GET_SCAN: u8 = 32;
    pub const SET_POWER_SAVE: u8 = 61;
    pub const GET_POWER_SAVE: u8 = 62;
}

/// Attributes (`NL80211_ATTR_…`).
pub(super) mod attribute {
    pub const WIPHY: u16 = 1;
    pub const INTERFACE: u16 = 3;
    pub const NAME: u16 = 4;
    pub const TYPE: u16 = 5;
    pub const ADDRESS: u16 = 6;
    pub const STATION: u16 = 21;
    pub const COUNTRY: u16 = 33;
    pub const FREQUENCY: u16 = 38;
    pub const BSS: u16 = 47;
    pub const SSID: u16 = 52;
    pub const POWER_SAVE: u16 = 93;
    pub const FEATURES: u16 = 143;
    pub const SPLIT: u16 = 174;
    pub const SELF_MANAGED: u16 = 216;
    pub const MORE_FEATURES: u16 = 217;
}

/// `NL80211_BSS_INFORMATION_ELEMENTS`.
pub(super) const BSS_ELEMENTS: u16 = 6;
/// `NL80211_BSS_STATUS`, there only for the access point that an interface is in.
pub(super) const BSS_STATUS: u16 = 9;
/// `NL80211_BSS_STATUS_ASSOCIATED`.
pub(super) const ASSOCIATED: u32 = 1;
/// The element that holds the SSID (IEEE 802.11, 9.4.2.2).
pub(super) const ELEMENT_SSID: u8 = 0;
/// `NL80211_STA_INFO_SIGNAL`, dBm.
pub(super) const STATION_SIGNAL: u16 = 7;
/// `NL80211_FEATURE_SAE`: the program does SAE, the driver passes its frames.
pub(super) const FEATURE_SAE: u32 = 1 << 5;
/// `NL80211_EXT_FEATURE_SAE_OFFLOAD`: the firmware does SAE.
pub(super) const SAE_OFFLOAD: usize = 38;
/// `NL80211_IFTYPE_STATION`.
pub(super) const STATION: u32 = 2;
