//! How many threads are in a backend, and which of them anybody still waits for.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// How many threads may be in a backend at a time, those that never come back among them.
pub(super) const MAX_THREADS: usize = 8;

/// Names one stay in a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket(u64);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Free,
    Taken(Ticket),
    /// Taken, and the one who waited for it has gone.
    Stuck(Ticket),
}

#[derive(Debug, Default)]
struct Inside {
    states: [State; MAX_THREADS],
    tickets: u64,
}

/// The places of one backend.
#[derive(Debug, Default)]
pub(super) struct Places {
    inside: Mutex<Inside>,
    changed: Condvar,
}

/// What comes of trying to enter.
pub(super) enum Entry {
    /// There is a place.
    Free(Place),
    /// None will become free as far as anybody knows.
    AllStuck,
    /// None became free in time.
    TimedOut,
}

/// A place, until it is dropped.
pub(super) struct Place {
    places: Arc<Places>,
    number: usize,
    ticket: Ticket,
}

impl Places {
    /// Waits for a place until `deadline`.
    pub(super) fn enter(places: &Arc<Self>, deadline: Instant) -> Entry {
        let mut inside = places.lock();
        loop {
            if let Some(number) = inside.states.iter().position(|state| *state == State::Free) {
                inside.tickets += 1;
                let ticket = Ticket(inside.tickets);
                inside.states[number] = State::Taken(ticket);
                return Entry::Free(Place { places: Arc::clone(places), number, ticket });
            }
            if inside.states.iter().all(|state| matches!(state, State::Stuck(_))) {
                return Entry::AllStuck;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Entry::TimedOut;
            }
            let waited = places.changed.wait_timeout(inside, left);
            inside = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Nobody waits for this stay any more. It may have ended just now, and the place be taken by
    /// another one.
    pub(super) fn give_up(&self, ticket: Ticket) {
        let mut inside = self.lock();
        if let Some(state) = inside.states.iter_mut().find(|state| **state == State::Taken(ticket))
        {
            *state = State::Stuck(ticket);
            self.changed.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    pub(super) fn ticket(&self) -> Ticket {
        self.ticket
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().states[self.number] = State::Free;
        self.places.changed.notify_all();
    }
}
