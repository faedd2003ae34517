//! A large set of capabilities that exists on paper only, and paths to ask it about.

use std::path::PathBuf;

use nono::{CapabilitySet, SandboxState};
use serde_json::json;

use crate::Result;
use crate::tree::{is_directory, relative_path};

const ROOT: &str = "/home/user";

/// A set with `rules` grants below `/home/user`, of directories at depth 7 and of files at depth 8
/// in turn, half of them for reading and half for writing too. It is restored from a state, so
/// nothing has to be there.
///
/// # Errors
/// None but for a state of another form.
pub fn capabilities(rules: usize) -> Result<CapabilitySet> {
    let grants: Vec<_> = (0..rules).map(grant).collect();
    let state = json!({ "version": 1, "fs": grants, "network": "AllowAll" });
    Ok(SandboxState::from_json(&state.to_string())?.to_caps())
}

/// `count` paths of depth 8, in an order that jumps through the `rules` grants. One third is
/// covered, one third leaves the grants at its last components, one third half-way.
#[must_use]
pub fn questions(rules: usize, count: usize) -> Vec<PathBuf> {
    (0..count)
        .map(|turn| {
            let number = turn.wrapping_mul(7919) % rules;
            let path = PathBuf::from(ROOT).join(relative_path(number));
            match turn % 3 {
                0 if is_directory(number) => path.join("notes.txt"),
                0 => path,
                1 if is_directory(number) => path.with_extension("bak").join("notes.txt"),
                1 => path.with_extension("bak"),
                _ => PathBuf::from(ROOT).join("work-0/project-0/other/src/module/none.rs"),
            }
        })
        .collect()
}

fn grant(number: usize) -> serde_json::Value {
    let path = format!("{ROOT}/{}", relative_path(number));
    json!({
        "original": path,
        "resolved": path,
        "kind": if is_directory(number) { "directory" } else { "file" },
        "id": { "device": 1, "inode": number },
        "access": if number % 4 < 2 { "Read" } else { "ReadWrite" },
        "execute": false,
        "device_ioctl": false,
        "source": "User",
    })
}

#[cfg(test)]
mod tests {
    use nono::Query;

    use super::*;

    #[test]
    fn a_third_of_the_questions_is_covered_and_all_have_depth_8() {
        for rules in [10, 10_000] {
            let caps = capabilities(rules).unwrap();
            let questions = questions(rules, 3000);
            let covered =
                questions.iter().filter(|path| caps.decide(&Query::read(path)).is_allowed());
            assert_eq!(covered.count(), 1000);
            assert!(questions.iter().all(|path| path.components().count() == 9));
            assert_eq!(caps.fs_capabilities().len(), rules);
        }
    }
}
