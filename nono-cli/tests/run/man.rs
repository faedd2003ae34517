//! The manual, as it is written and as it is read.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::common::{Tree, nono_path, outcome, program};

#[track_caller]
fn write_pages(directory: &Path) {
    let ended = outcome(Command::new(nono_path()).arg("man").arg(directory));
    assert_eq!((ended.text(), ended.said().as_str()), ("", ""));
}

/// A subcommand has a help of its own; other words that stand in nono's help do not.
fn is_subcommand(name: &str) -> bool {
    !name.starts_with('-') && outcome(Command::new(nono_path()).args([name, "--help"])).succeeded()
}

#[test]
fn each_subcommand_gets_a_page_in_a_directory_that_is_made() {
    let tree = Tree::new();
    write_pages(&tree.at("share/man1"));
    let help = outcome(Command::new(nono_path()).arg("--help"));
    let listed = help.text().lines().filter(|line| line.starts_with("  "));
    let words = listed.filter_map(|line| line.split_whitespace().next());
    let names: Vec<_> = words.filter(|word| is_subcommand(word)).collect();
    assert!(names.len() > 5, "{names:?}");
    for name in names {
        assert!(tree.at(&format!("share/man1/nono-{name}.1")).exists(), "{name}");
    }
}

#[test]
fn a_page_that_another_refers_to_is_there() {
    let tree = Tree::new();
    write_pages(tree.root());
    let mut referred = BTreeSet::new();
    for page in fs::read_dir(tree.root()).unwrap() {
        let text = fs::read_to_string(page.unwrap().path()).unwrap().replace('\\', "");
        let words = text.split_whitespace().filter_map(|word| word.strip_suffix("(1)"));
        referred.extend(words.map(str::to_owned));
    }
    assert!(referred.contains("nono") && referred.contains("nono-audit-list"), "{referred:?}");
    for name in referred {
        assert!(tree.at(&format!("{name}.1")).exists(), "{name}");
    }
}

#[test]
fn a_page_has_the_sections_of_a_manual_and_the_words_of_the_help() {
    let tree = Tree::new();
    write_pages(tree.root());
    let version = concat!("nono ", env!("CARGO_PKG_VERSION"));
    insta::assert_snapshot!(tree.read("nono-run.1").replace(version, "nono VERSION"));
}

#[test]
fn every_page_is_set_without_a_warning() {
    let Some(groff) = program("groff") else { return };
    let tree = Tree::new();
    write_pages(tree.root());
    for page in fs::read_dir(tree.root()).unwrap() {
        let mut command = Command::new(&groff);
        let set = outcome(command.args(["-man", "-Tutf8", "-ww"]).arg(page.unwrap().path()));
        assert!(set.text().contains("nono"), "{}", set.text());
        assert_eq!(set.said(), "");
    }
}

#[test]
fn a_directory_for_pages_that_cannot_be_made_is_125_with_the_next_step() {
    let tree = Tree::new();
    tree.file("file", "");
    let ended = outcome(Command::new(nono_path()).arg("man").arg(tree.at("file/man1")));
    assert_eq!(ended.code(), 125);
    assert!(ended.said().contains("; name a directory you may write"), "{}", ended.said());
}
