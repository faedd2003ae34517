//! Backends that decide, pass, fail, panic and never come back.
#![allow(clippy::unwrap_used, clippy::panic, reason = "functions that tests share")]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::time::Duration;

use nono_core::{
    AccessMode, ApprovalBackend, ApprovalDecision, CapabilityRequest, NonoError, Opinion, Prompt,
    ReasonCode, Result, Verdict,
};
use nono_supervisor::{CallbackApproval, Chain, Deadline, DenyAll, PolicyApproval};

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(30);

fn prompt() -> Prompt {
    Prompt::new(CapabilityRequest {
        request_id: "r".into(),
        path: "/a".into(),
        access: AccessMode::Read,
        reason: None,
        child_pid: 1,
        session_id: "s".into(),
    })
}

fn callback(
    name: &str,
    callback: impl Fn() -> Result<Opinion> + Send + Sync + 'static,
) -> Arc<dyn ApprovalBackend> {
    Arc::new(CallbackApproval::new(name, move |_: &Prompt| callback()))
}

fn granted() -> Result<Opinion> {
    Ok(Opinion::Decided(Verdict::once(ApprovalDecision::Granted)))
}

fn failed() -> Result<Opinion> {
    Err(NonoError::PathNotFound("/gone".into()))
}

fn verdict(backend: &dyn ApprovalBackend) -> Verdict {
    match backend.consider(&prompt()).unwrap() {
        Opinion::Decided(verdict) => verdict,
        Opinion::Pass => panic!("passed"),
    }
}

fn code(backend: &dyn ApprovalBackend) -> Option<ReasonCode> {
    let verdict = verdict(backend);
    assert_eq!(verdict.code.is_none(), verdict.decision.is_granted());
    verdict.code
}

/// What an immediate and another backend do, wrapped in a deadline.
fn both(what: fn() -> Result<Opinion>) -> [Deadline; 2] {
    struct Immediate(fn() -> Result<Opinion>);
    impl ApprovalBackend for Immediate {
        fn request_capability(&self, _: &CapabilityRequest) -> Result<ApprovalDecision> {
            Ok(ApprovalDecision::Timeout)
        }
        fn backend_name(&self) -> &str {
            "immediate"
        }
        fn is_immediate(&self) -> bool {
            true
        }
        fn consider(&self, _: &Prompt) -> Result<Opinion> {
            (self.0)()
        }
    }
    [Arc::new(Immediate(what)), callback("callback", what)].map(|it| Deadline::new(it, LONG))
}

#[test]
fn the_first_that_does_not_pass_decides_and_is_named() {
    let pass = || callback("pass", || Ok(Opinion::Pass));
    let chain = Chain::new(vec![pass(), callback("yes", granted), Arc::new(DenyAll)]);
    let verdict = verdict(&chain);
    assert!(verdict.decision.is_granted());
    assert_eq!(verdict.decided_by.as_deref(), Some("yes"));

    let inner: Arc<dyn ApprovalBackend> = Arc::new(Chain::new(vec![callback("no", failed)]));
    let outer = Chain::new(vec![pass(), inner, callback("yes", granted)]);
    let verdict = self::verdict(&outer);
    assert_eq!(verdict.code, Some(ReasonCode::BackendFailed));
    assert_eq!(verdict.decided_by.as_deref(), Some("no"));
}

#[test]
fn where_everybody_passes_or_nobody_is_there_it_is_a_denial() {
    for chain in [Chain::default(), Chain::new(vec![callback("pass", || Ok(Opinion::Pass))])] {
        assert_eq!(code(&chain), Some(ReasonCode::NoApprover));
        assert!(chain.request_capability(&prompt().request).unwrap().is_denied());
    }
    assert_eq!(code(&DenyAll), Some(ReasonCode::NoApprover));
}

#[test]
fn a_chain_is_immediate_when_all_of_it_is() {
    let policy = || Arc::new(PolicyApproval::parse("", None).unwrap());
    assert!(Chain::new(vec![policy(), Arc::new(DenyAll)]).is_immediate());
    let mixed = Arc::new(Chain::new(vec![policy(), callback("yes", granted)]));
    assert!(!mixed.is_immediate() && !Deadline::new(mixed, LONG).is_immediate());
}

#[test]
fn a_backend_that_fails_or_panics_is_a_denial_with_its_code_and_is_asked_again() {
    for deadline in both(failed) {
        assert_eq!(code(&deadline), Some(ReasonCode::BackendFailed));
    }
    for deadline in both(|| panic!("on purpose")) {
        for _ in 0..20 {
            let verdict = verdict(&deadline);
            assert_eq!(verdict.code, Some(ReasonCode::BackendPanicked));
            let ApprovalDecision::Denied { reason } = verdict.decision else { panic!() };
            assert!(reason.contains("on purpose"), "{reason}");
        }
    }
    for deadline in both(granted) {
        assert_eq!(code(&deadline), None);
    }
}

#[test]
fn a_backend_that_broke_its_own_state_stays_a_denial() {
    let count = Mutex::new(0);
    let backend = callback("poisoned", move || {
        *count.lock().unwrap() += 1;
        let _held = count.lock().map(|held| panic!("{held}"));
        granted()
    });
    let deadline = Deadline::new(backend, LONG);
    for _ in 0..3 {
        assert_eq!(code(&deadline), Some(ReasonCode::BackendPanicked));
    }
}

#[test]
fn a_backend_that_never_comes_back_is_a_timeout_and_then_busy() {
    let (release, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let is_open = Arc::new(AtomicBool::new(false));
    let waits = Arc::clone(&is_open);
    let (gone, left) = mpsc::channel();
    let backend = callback("stuck", move || {
        if !waits.load(Ordering::SeqCst) {
            let _ = gate.lock().unwrap().recv();
        }
        gone.send(()).unwrap();
        granted()
    });
    let stuck = Deadline::new(Arc::clone(&backend), SHORT);

    for _ in 0..8 {
        let verdict = verdict(&stuck);
        assert_eq!(verdict.decision, ApprovalDecision::Timeout);
        assert_eq!(verdict.code, Some(ReasonCode::TimedOut));
    }
    for _ in 0..100 {
        assert_eq!(code(&stuck), Some(ReasonCode::BackendBusy));
    }

    is_open.store(true, Ordering::SeqCst);
    drop(release);
    left.iter().take(8).for_each(drop);
    // The last thread leaves just after it said so.
    while code(&stuck) == Some(ReasonCode::BackendBusy) {
        std::thread::yield_now();
    }
    assert_eq!(code(&Deadline::new(backend, LONG)), None);
}

#[test]
fn whoever_finds_every_place_taken_waits_for_one() {
    let (meeting, inside) = (Barrier::new(8), AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&most);
    // Nobody leaves before eight are there.
    let backend = callback("meeting", move || {
        seen.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        meeting.wait();
        inside.fetch_sub(1, Ordering::SeqCst);
        granted()
    });
    let deadline = Deadline::new(backend, LONG);
    std::thread::scope(|scope| {
        let asked: Vec<_> = (0..24).map(|_| scope.spawn(|| code(&deadline))).collect();
        assert!(asked.into_iter().all(|thread| thread.join().unwrap().is_none()));
    });
    assert_eq!(most.load(Ordering::SeqCst), 8);
}
