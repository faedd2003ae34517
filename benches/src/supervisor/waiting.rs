//! Other clients while somebody thinks.

use std::path::Path;
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use nono_core::{
    AccessMode, ApprovalBackend, ApprovalDecision, CapabilityRequest, Opinion, Prompt, Scope,
    Verdict,
};
use nono_ipc::{Client, Wanted};
use nono_supervisor::CallbackSink;
use tempfile::TempDir;

use super::session::Session;
use crate::ipc::microseconds;
use crate::{Floor, Limit, Metric, Result, Sampler, Samplers};

pub(crate) const METRICS: &[Metric] = &[Metric {
    name: "supervisor/p99-while-one-waits",
    unit: "us",
    limit: Limit::AtMost(1.5),
    rounds: 20,
    prepare: beside_a_prompt,
}];

const CLIENTS: usize = 100;
const REQUESTS_EACH: usize = 50;

/// Says yes for the session, but thinks for ever about one file.
struct Thinks;

impl ApprovalBackend for Thinks {
    fn request_capability(&self, _: &CapabilityRequest) -> nono_core::Result<ApprovalDecision> {
        Ok(ApprovalDecision::Granted)
    }

    fn backend_name(&self) -> &str {
        "thinks"
    }

    fn consider(&self, prompt: &Prompt) -> nono_core::Result<Opinion> {
        while prompt.request.path.ends_with("hard") {
            thread::park();
        }
        let yes = Verdict::once(ApprovalDecision::Granted);
        Ok(Opinion::Decided(Verdict { scope: Scope::Session, ..yes }))
    }
}

fn beside_a_prompt() -> Result<Samplers> {
    Ok(Samplers { value: side(true)?, floor: Floor::Measured(side(false)?) })
}

fn side(waits: bool) -> Result<Sampler> {
    let files = TempDir::new()?;
    let [easy, hard] = ["easy", "hard"].map(|name| files.path().join(name));
    std::fs::write(&easy, "")?;
    std::fs::write(&hard, "")?;
    Ok(Box::new(move || {
        let _files = &files;
        let session = Session::new(Thinks, CallbackSink::new(|_, _| Ok(())))?;
        ask(&session.client()?, &easy)?;
        let _waiting = waits.then(|| wait_for(&session, &hard)).transpose()?;
        p99(&session, &easy)
    }))
}

/// A connection with a request that is not answered.
fn wait_for(session: &Session, path: &Path) -> Result<thread::JoinHandle<()>> {
    let (client, path) = (session.client()?, path.to_owned());
    client.set_timeout(None);
    let waiting = thread::spawn(move || {
        // It ends with the session.
        let _ = client.request(&Wanted::new(&path, AccessMode::Read));
    });
    thread::sleep(std::time::Duration::from_millis(20));
    Ok(waiting)
}

fn ask(client: &Client, path: &Path) -> Result<()> {
    let outcome = client.request(&Wanted::new(path, AccessMode::Read))?;
    if outcome.is_granted() { Ok(()) } else { Err("not granted".into()) }
}

/// The 99th percentile of the round trips of many clients at a time.
fn p99(session: &Session, path: &Path) -> Result<f64> {
    let clients: Vec<_> = (0..CLIENTS).map(|_| session.client()).collect::<Result<_>>()?;
    let start = Barrier::new(CLIENTS);
    let run = |client| {
        start.wait();
        round_trips(client, path).map_err(|error| error.to_string())
    };
    let mut times = Vec::new();
    thread::scope(|scope| -> Result<()> {
        let run = &run;
        let start = |client| scope.spawn(move || run(client));
        let running: Vec<_> = clients.iter().map(start).collect();
        for client in running {
            times.extend(client.join().map_err(|_| "a client panicked")??);
        }
        Ok(())
    })?;
    times.sort_by(f64::total_cmp);
    Ok(times.get(times.len() * 99 / 100).copied().unwrap_or(f64::NAN))
}

fn round_trips(client: &Client, path: &Path) -> Result<Vec<f64>> {
    let trip = |_| {
        let start = Instant::now();
        ask(client, path)?;
        Ok(microseconds(start.elapsed()))
    };
    (0..REQUESTS_EACH).map(trip).collect()
}
