//! Findings as they come: errors one by one, everything else once for each kind with a count, so that a fleet's
//! report stays readable.

use cluster::finding::Finding;
use serde_json::json;

/// How many subjects of a kind are named.
const NAMED: usize = 8;

/// The findings of one run.
#[derive(Debug, Clone, Default)]
pub struct Notices {
    single: Vec<Finding>,
    kinds: Vec<Kind>,
}

/// A warning or a remark, and whom it is about.
#[derive(Debug, Clone)]
struct Kind {
    finding: Finding,
    /// What tells it from others with the same id: a model, or nothing.
    key: String,
    count: usize,
    subjects: Vec<String>,
}

impl Notices {
    /// Adds a finding that stands by itself: an error, because each makes an answer "no".
    pub fn each(&mut self, finding: Finding) {
        self.single.push(finding);
    }

    /// Adds a warning or a remark about `subject`. `make` is asked for its words the first time only.
    pub fn once(
        &mut self,
        id: &'static str,
        key: &str,
        subject: &str,
        make: impl FnOnce() -> Finding,
    ) {
        let known = self
            .kinds
            .iter_mut()
            .find(|kind| kind.finding.id == id && kind.key == key);
        if let Some(kind) = known {
            kind.count += 1;
            if kind.subjects.len() < NAMED {
                kind.subjects.push(subject.to_owned());
            }
            return;
        }
        self.kinds.push(Kind {
            finding: make(),
            key: key.to_owned(),
            count: 1,
            subjects: vec![subject.to_owned()],
        });
    }

    /// Takes back the warnings and remarks with this id: they are no longer true.
    pub fn forget(&mut self, id: &str) {
        self.kinds.retain(|kind| kind.finding.id != id);
    }

    /// All findings, the worst first.
    pub fn finish(self) -> Vec<Finding> {
        let mut findings = self.single;
        findings.extend(self.kinds.into_iter().map(Kind::finish));
        findings.sort_by_key(|finding| finding.severity);
        findings
    }
}

impl Kind {
    fn finish(self) -> Finding {
        let Self {
            mut finding,
            count,
            subjects,
            ..
        } = self;
        if count > 1 {
            let others = &subjects[1..];
            let more = count - subjects.len();
            let tail = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            finding
                .message
                .push_str(&format!(" (the same for {}{tail})", others.join(", ")));
            finding.evidence = Some(match finding.evidence.take() {
                Some(evidence) => json!({"count": count, "subjects": subjects, "first": evidence}),
                None => json!({"count": count, "subjects": subjects}),
            });
        }
        finding
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_told_once_with_its_count() {
        let mut notices = Notices::default();
        for number in 0..12 {
            let subject = format!("sw{number}");
            notices.once("poe-unmanaged", "m", &subject, || {
                Finding::info("poe-unmanaged", &*subject, "it is")
            });
        }
        notices.once("poe-unmanaged", "other", "x", || {
            Finding::info("poe-unmanaged", "x", "it is")
        });
        notices.each(Finding::error("poe-over-budget", "sw1", "no"));
        let findings = notices.finish();
        assert_eq!(findings.len(), 3);
        assert_eq!(findings[0].id, "poe-over-budget");
        assert_eq!(
            findings[1].message,
            "it is (the same for sw1, sw2, sw3, sw4, sw5, sw6, sw7 and 4 more)"
        );
        assert_eq!(findings[1].evidence.as_ref().unwrap()["count"], 12);
        assert_eq!(findings[2].message, "it is");
    }
}
