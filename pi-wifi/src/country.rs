//! Countries as radio rules name them.

/// The 249 codes that ISO 3166-1 has assigned; wireless-regdb names its rules after them.
const CODES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY \
BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF \
GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW \
KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO \
NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX \
SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

/// The radio rules that hold everywhere.
pub const WORLD: &str = "00";

/// Whether radio rules can go by this name. A name in small letters is none: `iw` refuses it, and wpa_supplicant passes
/// it on as if it were one.
pub fn is_known(code: &str) -> bool {
    code == WORLD || (code.len() == 2 && CODES.split(' ').any(|known| known == code))
}

/// What was probably meant.
pub fn meant(code: &str) -> Option<String> {
    let letters = code.to_ascii_uppercase();
    let letters = match letters.as_str() {
        "UK" => "GB",
        "USA" => "US",
        "EN" => "GB",
        other => other,
    };
    is_known(letters).then(|| letters.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assigned_codes_are_known_and_others_are_not() {
        assert_eq!(CODES.split(' ').count(), 249);
        for code in ["CH", "US", "00", "ZW"] {
            assert!(is_known(code), "{code}");
        }
        for code in ["ZZ", "ch", "USA", "", "C", "H A", " C"] {
            assert!(!is_known(code), "{code}");
        }
        assert_eq!(meant("ch").as_deref(), Some("CH"));
        assert_eq!(meant("UK").as_deref(), Some("GB"));
        assert_eq!(meant("ZZ"), None);
    }
}
