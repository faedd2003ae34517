//! What is wrong with a command line, in one line.

use std::ffi::OsString;

use clap::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::cli;

/// What clap says in a paragraph, as one line that ends with the next step. `word` is the one that
/// should name a subcommand.
pub(crate) fn one_line(error: &Error, word: Option<OsString>) -> String {
    let complaint = complaint(error);
    let subcommand = word.and_then(|word| cli::command().find_subcommand(word).cloned());
    let about = subcommand.map(|subcommand| format!("{} ", subcommand.get_name()));
    let help = format!("nono {}--help", about.unwrap_or_default());
    match meant(error) {
        Some(meant) => format!("{complaint}; did you mean {meant}? See {help}"),
        None => format!("{complaint}; see {help}"),
    }
}

/// What is nearest; behind a word that is no subcommand there may as well be a program.
fn meant(error: &Error) -> Option<String> {
    let word = error.get(ContextKind::InvalidSubcommand).and_then(first_text);
    let program = word.map(|word| format!("nono run -- {word}"));
    let meant: Vec<_> = suggestion(error).map(str::to_owned).into_iter().chain(program).collect();
    (!meant.is_empty()).then(|| meant.join(", or "))
}

fn complaint(error: &Error) -> String {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return "a subcommand is needed: nono run, nono shell".to_owned();
    }
    let rendered = error.to_string();
    let first = rendered.lines().take_while(|line| !line.is_empty()).map(str::trim);
    let line = first.collect::<Vec<_>>().join(" ");
    line.strip_prefix("error: ").unwrap_or(&line).to_owned()
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
