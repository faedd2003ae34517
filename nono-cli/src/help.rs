//! `nono --help`: the subcommands by what they are for.

use std::fmt::Write;

use clap::Command;

const GROUPS: [(&str, &[&str]); 4] = [
    ("Run", &["run", "shell"]),
    ("Inside", &["request"]),
    ("Find out", &["why", "doctor", "audit", "policy"]),
    ("Install", &["completions", "man", "setup"]),
];

const EXAMPLES: &str = "\
Examples:
  nono run --allow . -- make           build here, and write nowhere else
  nono run --allow . --dry-run make    only print what would be granted
  nono shell --allow . --net-block     work here, without the network
  nono doctor                          what this kernel enforces

nono COMMAND --help tells more of one.";

/// The command whose help lists its subcommands in groups, which clap itself does not.
pub(crate) fn grouped(command: Command) -> Command {
    let groups: String =
        GROUPS.iter().map(|(name, members)| group(&command, name, members)).collect();
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n{groups}\nOptions:\n{{options}}{{after-help}}"
    );
    command.help_template(template).after_help(EXAMPLES)
}

fn group(command: &Command, name: &str, members: &[&str]) -> String {
    let mut text = format!("\n{name}:\n");
    for member in members.iter().filter_map(|member| command.find_subcommand(member)) {
        let about = member.get_about().map(ToString::to_string).unwrap_or_default();
        // Writing to a string does not fail.
        let _ = writeln!(text, "  {:<12} {about}", member.get_name());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subcommand_is_in_one_group() {
        for subcommand in crate::cli::command().get_subcommands() {
            let name = subcommand.get_name();
            let count = GROUPS.iter().filter(|(_, members)| members.contains(&name)).count();
            assert_eq!(count, 1, "{name}");
        }
    }
}
