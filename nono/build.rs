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
    for (name, file) in [("BASE", "data/base.txt"), ("PTY", "data/pty.txt")] {
        println!("cargo::rerun-if-changed={file}");
        let text = fs::read_to_string(file)?;
        let lines =
            table::parse(&text).map_err(|(line, problem)| format!("{file}:{line}: {problem}"))?;
        constant(&mut code, name, &lines)?;
    }
    fs::write(Path::new(&out).join("grants.rs"), code)?;
    Ok(())
}

fn constant(code: &mut String, name: &str, lines: &[table::Line<'_>]) -> std::fmt::Result {
    writeln!(code, "const {name}: &[Grant] = &[")?;
    for table::Line { access, path, reason } in lines {
        writeln!(
            code,
            "Grant {{ access: AccessMode::{access:?}, path: {path:?}, reason: {reason:?} }},"
        )?;
    }
    writeln!(code, "];")
}
