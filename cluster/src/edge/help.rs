//! `--help`, in the same form for every tool.

use super::Tool;
use crate::name::wrap;

/// What `--help` says of exit codes, in every tool.
const EXIT_CODES: &str = "\
Exit codes:
  0   done, or the answer is yes
  1   it failed (input or output, a command, no permission)
  2   usage
  3   the input is valid and the answer is no, or cannot be yes
  65  the input is not valid: standard error names the place";

/// The tool's arguments as clap knows them, for manual pages and completions too.
pub fn command<T: Tool>() -> clap::Command {
    T::command()
        .name(T::NAME)
        .version(env!("CARGO_PKG_VERSION"))
        .after_help(behind_options::<T>())
        .term_width(80)
}

fn behind_options<T: Tool>() -> String {
    let mut text = format!("Examples:\n  {}\n\n", T::EXAMPLES.trim());
    if !T::SYSTEMS.is_empty() {
        text.push_str("Operating systems:\n");
        let names = T::SYSTEMS.iter().map(|(names, _)| names.chars().count());
        let width = names.max().unwrap_or_default();
        for (names, what) in T::SYSTEMS {
            wrap(&mut text, &format!("  {names:width$}  "), what);
        }
        text.push('\n');
    }
    text + EXIT_CODES
}
