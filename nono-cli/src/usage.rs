//! What is wrong with a command line, in one line.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, Error};

use crate::cli;

/// How many values are listed in an error.
const MAX_VALUES: usize = 20;

/// What clap puts before the list of values.
const LIST: &str = " [possible values: ";

/// What clap says in a paragraph, as one line that ends with the next step. `word` is the one that
/// should name a subcommand.
pub(crate) fn one_line(error: &Error, word: Option<OsString>) -> String {
    let whole = cli::command();
    let part = word.and_then(|word| whole.find_subcommand(word));
    let complaint = complaint(error, part.unwrap_or(&whole));
    let help = match part {
        Some(part) => format!("nono {} --help", part.get_name()),
        None => "nono --help".to_owned(),
    };
    match meant(error, part.is_some()) {
        Some(meant) => format!("{complaint}; did you mean {meant}? See {help}"),
        None if part.is_none() && error.kind() == ErrorKind::UnknownArgument => {
            format!("{complaint}; a subcommand comes first: nono run; see {help}")
        }
        None => format!("{complaint}; see {help}"),
    }
}

/// What is nearest; where a subcommand belongs and none has that name there may as well be a program.
fn meant(error: &Error, has_subcommand: bool) -> Option<String> {
    let word = error.get(ContextKind::InvalidSubcommand).and_then(first_text);
    // Neither a program nor what is spelled nearest: the help to see is named in any case.
    if word == Some("help") {
        return None;
    }
    let program = word.filter(|_| !has_subcommand).map(|word| format!("nono run -- {word}"));
    let meant: Vec<_> = suggestion(error).map(str::to_owned).into_iter().chain(program).collect();
    (!meant.is_empty()).then(|| meant.join(", or "))
}

fn complaint(error: &Error, command: &Command) -> String {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let names: Vec<_> = command.get_subcommands().map(Command::get_name).collect();
        return format!("a subcommand is needed: {}", names.join(", "));
    }
    let rendered = error.to_string();
    let first = rendered.lines().take_while(|line| !line.is_empty()).map(str::trim);
    let line = first.collect::<Vec<_>>().join(" ");
    let line = line.strip_prefix("error: ").unwrap_or(&line);
    // Whoever sees what was meant needs no list, and a long one is for the manual.
    let is_long = error.get(ContextKind::ValidValue).is_some_and(|values| match values {
        ContextValue::Strings(values) => values.len() > MAX_VALUES,
        _ => false,
    });
    let end = line.find(LIST).filter(|_| is_long || suggestion(error).is_some());
    line[..end.unwrap_or(line.len())].to_owned()
}

fn suggestion(error: &Error) -> Option<&str> {
    let kinds =
        [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue];
    kinds.iter().find_map(|&kind| error.get(kind).and_then(first_text))
}

fn first_text(value: &ContextValue) -> Option<&str> {
    match value {
        ContextValue::String(text) => Some(text),
        ContextValue::Strings(texts) => texts.first().map(String::as_str),
        _ => None,
    }
}
