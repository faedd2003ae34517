//! `--dry-run`: what would be granted, on standard output.

use nono::SandboxState;
use serde_json::json;

use crate::failure::Failure;
use crate::report::{print, printable};
use crate::request::Request;

/// Prints the request. Nothing is created and nothing is started.
pub(crate) fn tell(request: &Request, as_json: bool) -> Result<(), Failure> {
    let sandbox = request.sandbox()?;
    let enforcement = sandbox.enforcement();
    let text = if as_json { json_text(request, enforcement)? } else { words(request, enforcement) };
    print(text.as_bytes())
}

fn words(request: &Request, enforcement: &nono::Enforcement) -> String {
    let mut lines = vec![
        format!("{:<20} {}", "program", request.program.display()),
        format!("{:<20} {}", "directory", request.workdir.display()),
    ];
    if let Some(user) = &request.user {
        lines.push(format!("{:<20} {}", "user", user.name().display()));
    }
    if request.base {
        lines.push(format!("{:<20} a private directory, exported as TMPDIR", "read+write+execute"));
    }
    lines.extend(request.caps.summary().lines().map(str::to_owned));
    lines.extend(enforcement.carved.iter().map(|path| {
        format!("{:<20} {}: no listing, and nothing made in it later", "carved", path.display())
    }));
    lines.extend(enforcement.mechanisms.iter().map(|name| format!("{:<20} {name}", "enforced by")));
    lines.extend(enforcement.gaps.iter().map(|gap| format!("{:<20} {gap}", "not protected")));
    lines.iter().map(|line| printable(line) + "\n").collect()
}

fn json_text(request: &Request, enforcement: &nono::Enforcement) -> Result<String, Failure> {
    let state = SandboxState::from_caps(&request.caps);
    let gaps: Vec<_> = enforcement
        .gaps
        .iter()
        .map(|report| {
            json!({
                "gap": report.gap,
                "meaning": report.gap.meaning(),
                "detail": report.detail,
                "fatal": report.gap.is_fatal(),
            })
        })
        .collect();
    let value = json!({
        "program": request.program.to_string_lossy(),
        "command": request.command.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>(),
        "directory": request.workdir.to_string_lossy(),
        "user": request.user.as_ref().map(|user| user.name().to_string_lossy()),
        "private_tmp": request.base,
        "capabilities": state,
        "enforcement": {
            "mechanisms": enforcement.mechanisms,
            "gaps": gaps,
            "carved": enforcement.carved.iter().map(|path| path.to_string_lossy()).collect::<Vec<_>>(),
        },
    });
    Ok(format!("{value:#}\n"))
}
