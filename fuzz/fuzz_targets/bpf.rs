//! Random rules through assembler and interpreter answer as the rules themselves do.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Err(difference) = nono_linux::seccomp::differential::check(bytes) {
        panic!("{difference:?}");
    }
});
