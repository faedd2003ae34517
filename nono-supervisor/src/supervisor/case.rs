//! One request on its way.

use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use nono_core::pipeline::{
    Approved, Asked, PinError, Pinned, Refusal, Responder, Submission, Vetted,
};
use nono_core::wire::{OpenIntent, Response};
use nono_core::{
    AccessMode, ApprovalDecision, Opinion, Outcome, PATH_MAX, Prompt, Query, ReasonCode, Scope,
    Verdict,
};

use super::Session;
use super::pending::{Question, Queued};
use super::record::{Decided, Facts};

/// A request and all that is known of it; it ends in one answer.
pub(super) struct Case {
    session: Arc<Session>,
    facts: Facts,
    claimed_session: String,
    intent: OpenIntent,
    fault: Option<ReasonCode>,
    responder: Box<dyn Responder>,
}

/// A request that waits for a decision, with its object held.
pub(super) struct Waiting {
    case: Case,
    vetted: Vetted,
}

/// Who is named as the decider where no backend was asked.
const NOBODY: &str = "nono";

impl Case {
    pub(super) fn new(session: Arc<Session>, submission: Submission) -> Self {
        let Submission { request, peer, fault, responder } = submission;
        let facts = Facts::new(&request, &peer, &session.id);
        let intent = request.open.unwrap_or_default();
        let claimed_session = request.request.session_id;
        Self { session, facts, claimed_session, intent, fault, responder }
    }

    /// Takes the request as far as it gets without waiting.
    pub(super) fn start(self) {
        match self.admit() {
            Ok(()) => self.look_up(false),
            Err(refusal) => self.refuse(refusal),
        }
    }

    fn admit(&self) -> Result<(), Refusal> {
        let refuse = |code, reason: &str| Err(Refusal::new(code, reason));
        if let Some(fault) = &self.fault {
            return refuse(fault.clone(), "this request cannot be taken");
        }
        if self.facts.peer.pid == 0 || self.facts.peer.uid != self.session.user {
            return refuse(
                ReasonCode::Unverified,
                "the requester is not a program of this session",
            );
        }
        if !self.claimed_session.is_empty() && self.claimed_session != self.session.id {
            return refuse(ReasonCode::WrongSession, "the request names another session");
        }
        admit_path(&self.facts.request.path)
    }

    /// Pins the object. What would wait is done again on another thread.
    fn look_up(self, may_wait: bool) {
        let (access, intent) = (self.facts.request.access, self.intent);
        let pinned = self.session.opener.pin(&Asked {
            path: &self.facts.request.path,
            access,
            intent,
            peer: &self.facts.peer,
            may_wait,
        });
        match pinned {
            Ok(pinned) => self.judge(pinned, may_wait),
            Err(PinError::Refused(refusal)) => self.refuse(refusal),
            Err(PinError::WouldWait) if may_wait => {
                self.refuse(Refusal::new(ReasonCode::OsError, "the path cannot be looked up"));
            }
            Err(PinError::WouldWait) => {
                let pool = self.session.pool.clone();
                pool.run(move || self.look_up(true));
            }
        }
    }

    fn judge(mut self, pinned: Pinned, may_wait: bool) {
        self.facts.pinned(&pinned);
        let access = self.facts.request.access;
        if self.is_covered(pinned.canonical()) {
            return self.answer_covered();
        }
        if !may_wait && pinned.has_several_names() {
            // All that is never granted is looked through for its other names.
            let pool = self.session.pool.clone();
            return pool.run(move || self.judge(pinned, true));
        }
        let vetted = match pinned.vet(&*self.session.vet, access) {
            Ok(vetted) => vetted,
            Err(refusal) => return self.refuse(refusal),
        };
        if let Some(verdict) = self.session.remembered.find(vetted.pinned(), access) {
            return self.conclude(vetted, &verdict, NOBODY, false);
        }
        let backend = Arc::clone(&self.session.backend);
        if backend.is_immediate() {
            let verdict = self.ask();
            return Waiting { case: self, vetted }.decided(verdict, may_wait);
        }
        self.wait(vetted);
    }

    /// Whether the program can open this itself.
    fn is_covered(&self, path: &Path) -> bool {
        let covers = |query: Query<'_>| self.session.caps.decide(&query).is_allowed();
        match self.facts.request.access {
            AccessMode::Read => covers(Query::read(path)),
            AccessMode::Write => covers(Query::write(path)),
            AccessMode::ReadWrite => covers(Query::read(path)) && covers(Query::write(path)),
        }
    }

    /// Queues for somebody's decision, and asks for it unless the same is being asked already.
    fn wait(self, vetted: Vetted) {
        let session = Arc::clone(&self.session);
        let pinned = vetted.pinned();
        let question = Question {
            pid: self.facts.peer.pid,
            object: pinned.object(),
            new_name: pinned.new_name().map(ToOwned::to_owned),
            access: self.facts.request.access,
            intent: self.intent,
        };
        let prompt = self.prompt();
        match session.pending.add(question.clone(), Waiting { case: self, vetted }) {
            Queued::Waits => {}
            Queued::Full(waiting) => waiting.case.refuse(Refusal::new(
                ReasonCode::TooManyPending,
                "too many requests wait for a decision already",
            )),
            Queued::Ask => ask_elsewhere(session, question, prompt),
        }
    }

    fn prompt(&self) -> Prompt {
        let mut prompt = Prompt::new(self.facts.request.clone());
        prompt.operation = self.facts.operation;
        prompt.peer = self.facts.peer.clone();
        prompt.peer.executable = self.session.opener.executable(&self.facts.peer);
        prompt.spelled = self.facts.spelled.clone();
        prompt.object = self.facts.object;
        prompt.is_directory = self.facts.is_directory;
        prompt
    }

    /// Asks a backend that decides at once.
    fn ask(&mut self) -> Verdict {
        let prompt = self.prompt();
        self.facts.peer.executable.clone_from(&prompt.peer.executable);
        self.session.consider(&prompt)
    }

    /// Acts on a decision: records it, then does it, then answers.
    fn conclude(self, vetted: Vetted, verdict: &Verdict, backend: &str, by_backend: bool) {
        let (session, access) = (Arc::clone(&self.session), self.facts.request.access);
        let scope = verdict.scope;
        let approved = match vetted.approve(verdict, self.intent, &*session.vet) {
            Ok(approved) => approved,
            Err(_) if !verdict.decision.is_granted() => {
                return self.decline(verdict, backend, by_backend);
            }
            Err(refusal) => return self.decline(&refusal.into(), NOBODY, by_backend),
        };
        let decision = ApprovalDecision::Granted;
        let decided = Decided { decision: &decision, code: None, scope, backend };
        if self.write(&decided, None, by_backend).is_err() {
            return self.deny_unrecorded();
        }
        session.remembered.keep(approved.pinned(), access, verdict);
        let owner = (self.facts.peer.uid != rustix::process::geteuid().as_raw())
            .then_some((self.facts.peer.uid, self.facts.peer.gid));
        match session.open(&approved.owned_by(owner)) {
            Ok(descriptor) => self.grant(descriptor, &decided),
            Err(refusal) => self.report_failure(&refusal, &decided),
        }
    }

    fn grant(self, descriptor: OwnedFd, decided: &Decided<'_>) {
        let Self { session, facts, responder, .. } = self;
        let response = Response::granted(facts.request.request_id.clone());
        if responder.respond(response, Some(descriptor)).is_err() {
            // The requester is gone; there is nobody to tell but the journal.
            let record = facts.record(decided, Some(Outcome::Undelivered));
            let _ = session.sink.record(&record, session.durability(false));
        }
    }

    /// The decision was yes, and it could not be done: a second record, and the answer is no.
    fn report_failure(self, refusal: &Refusal, decided: &Decided<'_>) {
        let errno = refusal.errno.unwrap_or(0);
        let failed = Decided { code: Some(&refusal.code), ..decided.clone() };
        if self.write(&failed, Some(Outcome::Failed(errno)), false).is_err() {
            return self.deny_unrecorded();
        }
        self.answer_no(refusal);
    }

    /// Answers a decision that is not yes.
    fn decline(self, verdict: &Verdict, backend: &str, by_backend: bool) {
        let Verdict { decision, scope, code, .. } = verdict;
        let code = match decision {
            ApprovalDecision::Timeout => Some(ReasonCode::TimedOut),
            _ => Some(code.clone().unwrap_or(ReasonCode::Backend)),
        };
        let decided = Decided { decision, code: code.as_ref(), scope: *scope, backend };
        if self.write(&decided, None, by_backend).is_err() {
            return self.deny_unrecorded();
        }
        let mut response = Response::granted(self.facts.request.request_id);
        response.decision = decision.clone();
        response.code = code;
        // Nothing was granted: it is no matter whether the requester still hears of it.
        let _ = self.responder.respond(response, None);
    }

    /// Answers a no of nono's own.
    fn refuse(self, refusal: Refusal) {
        let decision = refusal.decision();
        let code = Some(&refusal.code);
        let decided = Decided { decision: &decision, code, scope: Scope::Once, backend: NOBODY };
        match self.write(&decided, None, false) {
            Ok(()) => self.answer_no(&refusal),
            Err(_) => self.deny_unrecorded(),
        }
    }

    fn deny_unrecorded(self) {
        let reason = "the decision could not be recorded";
        self.answer_no(&Refusal::new(ReasonCode::AuditFailed, reason));
    }

    fn answer_covered(self) {
        self.answer_no(&Refusal::new(
            ReasonCode::Covered,
            "the sandbox covers it: open it without asking",
        ));
    }

    fn answer_no(self, refusal: &Refusal) {
        let id = self.facts.request.request_id;
        let mut response = Response::denied(id, refusal.code.clone(), refusal.reason.clone());
        response.errno = refusal.errno;
        let _ = self.responder.respond(response, None);
    }

    fn write(
        &self,
        decided: &Decided<'_>,
        outcome: Option<Outcome>,
        by_backend: bool,
    ) -> std::io::Result<()> {
        let record = self.facts.record(decided, outcome);
        self.session.sink.record(&record, self.session.durability(by_backend))
    }
}

impl Waiting {
    /// Acts on the decision of a backend. Syncing the record waits, so it is done elsewhere.
    fn decided(self, verdict: Verdict, may_wait: bool) {
        let session = Arc::clone(&self.case.session);
        let syncs = session.durability(true) == nono_core::Durability::Synced;
        if syncs && !may_wait {
            return session.pool.run(move || self.decided(verdict, true));
        }
        let backend = session.backend.backend_name();
        let backend = verdict.decided_by.as_deref().unwrap_or(backend);
        self.case.conclude(self.vetted, &verdict, backend, true);
    }
}

/// Asks a backend that may take its time, on a thread of its own.
fn ask_elsewhere(session: Arc<Session>, question: Question, prompt: Prompt) {
    let answer = {
        let (session, question) = (Arc::clone(&session), question.clone());
        move || {
            let verdict = session.ask_at_leisure(&prompt);
            session.settle(&question, &verdict);
        }
    };
    if std::thread::Builder::new().spawn(answer).is_err() {
        let busy = Verdict::denied(ReasonCode::BackendBusy, "no thread is left to ask on");
        session.settle(&question, &busy);
    }
}

impl Session {
    fn ask_at_leisure(&self, prompt: &Prompt) -> Verdict {
        if self.prompts.take() {
            self.consider(prompt)
        } else {
            Verdict::denied(ReasonCode::RateLimited, "this session asks too often")
        }
    }

    /// What the backend says. Whatever goes wrong with it is a denial.
    fn consider(&self, prompt: &Prompt) -> Verdict {
        match catch_unwind(AssertUnwindSafe(|| self.backend.consider(prompt))) {
            Ok(Ok(Opinion::Decided(verdict))) => verdict,
            Ok(Ok(Opinion::Pass)) => {
                Verdict::denied(ReasonCode::NoApprover, "nobody is there to decide")
            }
            Ok(Err(error)) => Verdict::denied(ReasonCode::BackendFailed, error.to_string()),
            Err(_) => Verdict::denied(ReasonCode::BackendPanicked, "the backend panicked"),
        }
    }

    /// Gives the answer to everybody who waits for it.
    fn settle(&self, question: &Question, verdict: &Verdict) {
        for waiting in self.pending.take(question) {
            waiting.decided(verdict.clone(), true);
        }
    }

    /// Opens what was approved, and looks at it again where it is now.
    fn open(&self, approved: &Approved) -> Result<OwnedFd, Refusal> {
        let opened = self.opener.open(approved)?;
        approved.confirm(&opened, &*self.vet)?;
        self.opener.complete(approved, opened)
    }
}

fn admit_path(path: &Path) -> Result<(), Refusal> {
    let bytes = path.as_os_str().as_bytes();
    let invalid = |reason: &str| Err(Refusal::new(ReasonCode::InvalidPath, reason));
    match bytes {
        [] => invalid("the path is empty"),
        _ if bytes.len() > PATH_MAX => invalid("the path is longer than 4095 bytes"),
        _ if bytes.contains(&0) => invalid("the path has a NUL in it"),
        [b'/', ..] => Ok(()),
        _ => Err(Refusal::new(ReasonCode::NotAbsolute, "the path is relative")),
    }
}
