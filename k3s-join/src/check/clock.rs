//! The time: certificates are not valid before they were made (failure 14).

use super::state::{State, Wish};
use cluster::finding::Finding;
use serde_json::json;

/// A clock may be this much behind what a file bears witness to: file systems round to two seconds.
const LEEWAY_S: i64 = 5;

pub(super) fn check(state: &State, wish: &Wish, findings: &mut Vec<Finding>) {
    let Some(now) = state.clock.now_s else {
        return;
    };
    let subject = wish.subject(state);
    let fix = "timedatectl set-ntp true, and wait for \"System clock synchronized: yes\"; without internet let the router or a server serve the time";
    if let Some((what, when)) = &state.clock.witness
        && now + LEEWAY_S < *when
    {
        let message = format!(
            "the clock is behind: it says {}, and {what} is from {}; no certificate of the cluster will be valid",
            date(now),
            date(*when)
        );
        findings.push(
            Finding::error("k3s-clock-behind", subject, message)
                .fix(fix)
                .evidence(json!({"now_s": now, "witness": what, "witness_s": when})),
        );
        return;
    }
    if state.clock.synchronized == Some(false) {
        let without = if state.clock.rtc == Some(false) {
            ", and there is no clock that runs without power"
        } else {
            ""
        };
        let message = format!(
            "nothing sets the clock{without}: when it is wrong, joining fails on certificates"
        );
        findings.push(
            Finding::warning("k3s-clock-not-synchronized", subject, message)
                .fix(fix)
                .evidence(json!({"now": date(now), "rtc": state.clock.rtc})),
        );
    }
}

/// `2026-11-22 11:00:05` in UTC (the civil calendar, after Howard Hinnant's `civil_from_days`).
pub fn date(seconds: i64) -> String {
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC",
        rest / 3600,
        rest / 60 % 60,
        rest % 60
    )
}
