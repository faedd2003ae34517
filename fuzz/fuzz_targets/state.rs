//! Any text is a state or a typed error; a state comes back from JSON as it went.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nono_core::SandboxState;

fuzz_target!(|text: &str| {
    if let Ok(state) = SandboxState::from_json(text) {
        let json = state.to_json().expect("a state serialises");
        let again = SandboxState::from_json(&json).expect("what was written can be read");
        assert_eq!(again, state);
        assert_eq!(again.to_caps(), state.to_caps());
    }
});
