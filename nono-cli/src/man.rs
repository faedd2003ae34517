//! `nono man`: the manual, made from the definitions of the flags.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueHint;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use crate::cli;
use crate::failure::Failure;
use crate::report::Report;

/// Write the manual pages: nono(1), and one for each subcommand
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  nono man ~/.local/share/man/man1     then: man nono-run")]
pub(crate) struct ManArgs {
    /// The directory; it is made where it is missing
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    directory: PathBuf,
}

pub(crate) fn run(arguments: &ManArgs) -> ExitCode {
    match write(&arguments.directory) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => Report::default().failed(&failure),
    }
}

fn write(directory: &Path) -> Result<(), Failure> {
    let failed = |path: &Path, source| Failure::ManPages { path: path.to_owned(), source };
    fs::create_dir_all(directory).map_err(|source| failed(directory, source))?;
    for (name, text) in pages().map_err(|source| failed(directory, source))? {
        let file = directory.join(name);
        fs::write(&file, text).map_err(|source| failed(&file, source))?;
    }
    Ok(())
}

/// The names of the files and what is in them, one for nono and one for each subcommand below it.
fn pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut definition = cli::command();
    definition.build();
    let mut commands = vec![&definition];
    let mut at = 0;
    while let Some(&command) = commands.get(at) {
        commands.extend(command.get_subcommands().filter(|command| !command.is_hide_set()));
        at += 1;
    }
    commands.into_iter().map(|command| page(command.clone())).collect()
}

/// A page has room for lists of values, which help leaves out. clap_mangen's own would have every flag
/// in the synopsis, and all that stands behind the help in one section "Extra".
fn page(command: clap::Command) -> io::Result<(String, Vec<u8>)> {
    let mut command = command.mut_args(|argument| argument.hide_possible_values(false));
    let usage = command.render_usage().to_string();
    let command = command.override_usage(usage.trim_start_matches("Usage: ").to_owned());
    let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let parts: Vec<_> = after.split("\n\n").map(Part::of).collect();
    let source = concat!("nono ", env!("CARGO_PKG_VERSION"));
    let has_subcommands = command.has_subcommands();
    let is_subcommand = command.get_name() != "nono";
    // A date would make every build another one; an empty one is left out, and moves the rest.
    let page = Man::new(command).date(" ").source(source).manual("User Commands");

    let mut text = Vec::new();
    page.render_title(&mut text)?;
    page.render_name_section(&mut text)?;
    page.render_synopsis_section(&mut text)?;
    page.render_description_section(&mut text)?;
    parts.iter().filter(|part| part.title.is_none()).try_for_each(|part| part.render(&mut text))?;
    page.render_options_section(&mut text)?;
    if has_subcommands {
        page.render_subcommands_section(&mut text)?;
    }
    parts.iter().filter(|part| part.title.is_some()).try_for_each(|part| part.render(&mut text))?;
    if is_subcommand {
        Part { title: Some("See also"), lines: vec!["nono(1)"] }.render(&mut text)?;
    }
    Ok((page.get_filename(), text))
}

/// A paragraph behind the help: one with a title, "Title: …", is a section of the page.
struct Part<'a> {
    title: Option<&'a str>,
    lines: Vec<&'a str>,
}

const TITLES: [&str; 2] = ["Examples", "Exit status"];

impl<'a> Part<'a> {
    fn of(paragraph: &'a str) -> Self {
        let (before, after) = paragraph.split_once(':').unwrap_or_default();
        let title = TITLES.into_iter().find(|&title| title == before);
        let text = if title.is_some() { after.trim_start_matches(' ') } else { paragraph };
        Self { title, lines: text.lines().filter(|line| !line.trim().is_empty()).collect() }
    }

    fn render(&self, page: &mut Vec<u8>) -> io::Result<()> {
        let mut roff = Roff::new();
        match self.title {
            Some(title) => roff.control("SH", [title.to_uppercase().as_str()]),
            None => roff.control("PP", []),
        };
        // Examples are indented, and stay as they are.
        let is_literal = self.lines.iter().all(|line| line.starts_with("  "));
        if is_literal {
            roff.control("nf", []);
        }
        for line in &self.lines {
            roff.text([roman(line.strip_prefix("  ").unwrap_or(line).trim_end())]);
        }
        if is_literal {
            roff.control("fi", []);
        }
        roff.to_writer(page)
    }
}
