//! Kernel command lines: the memory controller switched on, and taken back.

use super::bytes;
use k3s_join::kernel_line::{
    Dialect, LONGEST, MEMORY_WORDS, Memory, first_line, lost_words, memory, taken_back,
    with_memory, words,
};

/// An edit is its own fixed point, switches on what it should, keeps all other words in their order, and is taken back to
/// the same bytes; taken back from a file that somebody changed since, it takes only words of its own.
pub fn run(data: &[u8]) {
    let pieces = bytes::pieces(data);
    let content = pieces[0];
    let _ = memory(first_line(content), Dialect::Mainline);
    match with_memory(content) {
        Ok(edited) => edit(content, &edited),
        Err(unfit) => assert!(!unfit.to_string().is_empty()),
    }
    if let Some(changed) = pieces.get(1) {
        let back = taken_back(changed, content);
        let kept = |line: &[u8]| -> Vec<Vec<u8>> {
            let all = words(line).into_iter();
            all.filter(|word| !MEMORY_WORDS.iter().any(|own| own.as_bytes() == *word))
                .map(<[u8]>::to_vec)
                .collect()
        };
        if !with_memory(content).is_ok_and(|made| made == **changed) {
            assert_eq!(kept(first_line(&back)), kept(first_line(changed)));
        }
    }
}

fn edit(content: &[u8], edited: &[u8]) {
    assert_eq!(with_memory(edited).as_deref(), Ok(edited), "edited again");
    let line = first_line(edited);
    assert_eq!(memory(line, Dialect::RaspberryPi), Memory::On);
    assert!(edited == content || line.len() <= LONGEST);
    assert!(lost_words(edited).is_empty());
    let others = |line: &[u8]| -> Vec<Vec<u8>> {
        let all = words(line).into_iter();
        all.filter(|word| !word.windows(7).any(|part| part == b"cgroup_"))
            .map(<[u8]>::to_vec)
            .collect()
    };
    assert_eq!(others(first_line(content)), others(line));
    assert_eq!(taken_back(edited, content), content);
}
