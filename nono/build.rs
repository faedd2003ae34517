//! Compiles the tables of grants in `data/` into constants, and refuses a bad line.

use std::error::Error;
use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

#[path = "src/presets/table.rs"]
mod table;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/presets/table.rs");
    let out = env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?;
    let mut code = String::new();
    for (name, file, line) in [
        ("BASE", "data/base.txt", grant as Line),
        ("PTY", "data/pty.txt", grant),
        ("NEVER_GRANT", "data/never_grant.txt", never),
        ("NEVER_OPEN", "data/never_open.txt", never),
        ("NEVER_WRITE", "data/never_write.txt", never),
        ("ENVIRONMENT", "data/environment.txt", variable),
    ] {
        println!("cargo::rerun-if-changed={file}");
        let text = fs::read_to_string(file)?;
        let lines =
            table::parse(&text).map_err(|(line, problem)| format!("{file}:{line}: {problem}"))?;
        let kind = match name {
            "NEVER_GRANT" | "NEVER_OPEN" | "NEVER_WRITE" => "Entry",
            "ENVIRONMENT" => "Variable",
            _ => "Grant",
        };
        writeln!(code, "const {name}: &[{kind}] = &[")?;
        for entry in &lines {
            let text =
                line(entry).ok_or_else(|| format!("{file}: {} is out of place", entry.path))?;
            writeln!(code, "{text},")?;
        }
        writeln!(code, "];")?;
    }
    fs::write(Path::new(&out).join("grants.rs"), code)?;
    Ok(())
}

/// What a line is in Rust, if it belongs into the table.
type Line = fn(&table::Line<'_>) -> Option<String>;

fn grant(table::Line { access, path, reason }: &table::Line<'_>) -> Option<String> {
    let text =
        format!("Grant {{ access: AccessMode::{access:?}, path: {path:?}, reason: {reason:?} }}");
    matches!(access, table::Access::Read | table::Access::Write | table::Access::ReadWrite)
        .then_some(text)
}

fn never(table::Line { access, path, reason }: &table::Line<'_>) -> Option<String> {
    let text = format!("Entry {{ path: {path:?}, reason: {reason:?} }}");
    (*access == table::Access::Never).then_some(text)
}

fn variable(table::Line { access, path, reason }: &table::Line<'_>) -> Option<String> {
    let (name, is_prefix) = match path.strip_suffix('*') {
        Some(prefix) => (prefix, true),
        None => (*path, false),
    };
    let text = format!("Variable {{ name: {name:?}, is_prefix: {is_prefix}, reason: {reason:?} }}");
    (*access == table::Access::Remove).then_some(text)
}
