//! What nono says, on standard error but for what was asked for.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use crate::failure::Failure;

/// Prints what was asked for, on standard output.
pub(crate) fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = std::io::stdout();
    let printed = stdout.write_all(bytes).and_then(|()| stdout.flush());
    printed.map_err(|source| Failure::System { call: "write", source })
}

/// How to say things: in lines for people, or as one JSON object a line.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Report {
    silent: bool,
    json: bool,
}

impl Report {
    pub(crate) fn new(silent: bool, json: bool) -> Self {
        Self { silent, json }
    }

    /// Something the caller should know and may ignore.
    pub(crate) fn note(self, message: impl Display) {
        if !self.silent {
            self.say("note", &message.to_string());
        }
    }

    /// Something the caller may not have meant.
    pub(crate) fn warning(self, message: impl Display) {
        if !self.silent {
            self.say("warning", &message.to_string());
        }
    }

    /// What the caller asked for and does not get.
    pub(crate) fn error(self, message: impl Display) {
        self.say("error", &message.to_string());
    }

    /// The end. Said even when silent: a status without a reason helps nobody.
    pub(crate) fn failed(self, failure: &Failure) -> ExitCode {
        self.say("error", &failure.to_string());
        ExitCode::from(failure.exit_status())
    }

    /// One write a line, so that lines of several processes do not mix. An error is nowhere to be
    /// reported.
    fn say(self, level: &str, message: &str) {
        let message = &without_numbers(message);
        let line = if self.json {
            format!("{}\n", serde_json::json!({ "level": level, "message": message }))
        } else {
            let label = label(level, has_colour());
            format!("nono: {label}{}\n", printable(message))
        };
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
}

/// The word before a message, in the colour of its weight; a note has none.
fn label(level: &str, colour: bool) -> String {
    // Bold red and bold yellow. Source: ECMA-48, select graphic rendition.
    let weight = if level == "error" { "1;31" } else { "1;33" };
    match (level, colour) {
        ("note", _) => String::new(),
        (_, false) => format!("{level}: "),
        (_, true) => format!("\x1b[{weight}m{level}:\x1b[0m "),
    }
}

/// Whether standard error is a terminal that shows colours, and nobody minds. Source: no-color.org.
fn has_colour() -> bool {
    let minds = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let shows = std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb");
    !minds && shows && std::io::stderr().is_terminal()
}

/// The text without the numbers that std adds to what the system says, which help nobody.
fn without_numbers(message: &str) -> String {
    let mut plain = String::with_capacity(message.len());
    let mut rest = message;
    while let Some((before, after)) = rest.split_once(" (os error ") {
        plain.push_str(before);
        rest = after.trim_start_matches(|digit: char| digit.is_ascii_digit());
        rest = rest.strip_prefix(')').unwrap_or(rest);
    }
    plain.push_str(rest);
    plain
}

/// The text with everything escaped that a terminal would not show as it stands: control
/// characters, and the marks that reorder or hide text.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_plain(character) {
            shown.push(character);
        } else {
            shown.extend(character.escape_unicode());
        }
    }
    shown
}

fn is_plain(character: char) -> bool {
    let hides = matches!(character,
        '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}');
    !character.is_control() && !hides
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_system_is_words_alone() {
        let message = "open a: No such file (os error 2); name another (os error 22)";
        assert_eq!(without_numbers(message), "open a: No such file; name another");
    }

    #[test]
    fn nothing_in_a_message_can_move_the_cursor_or_hide_text() {
        assert_eq!(
            printable("a\x1b[2Jb\nc\u{202e}d\u{200b}"),
            "a\\u{1b}[2Jb\\u{a}c\\u{202e}d\\u{200b}"
        );
        assert_eq!(printable("plain: ä 漢 'x'"), "plain: ä 漢 'x'");
    }
}
