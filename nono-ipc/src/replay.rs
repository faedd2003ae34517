//! Which request ids were used lately.

use std::collections::hash_map::RandomState;
use std::collections::{HashSet, VecDeque};
use std::hash::BuildHasher;

/// Remembers the most recent ids of a connection, in bounded memory however many there are.
///
/// It keeps 64-bit hashes under a key of its own, which the peer cannot know. An id within the window
/// is always recognised; a new one is taken for an old one with a probability of the window's size in
/// 2^64.
#[derive(Debug)]
pub struct ReplayWindow {
    keys: RandomState,
    order: VecDeque<u64>,
    known: HashSet<u64>,
    size: usize,
}

impl ReplayWindow {
    /// A window of the `size` most recent ids, at least one.
    #[must_use]
    pub fn new(size: usize) -> Self {
        Self {
            keys: RandomState::new(),
            order: VecDeque::new(),
            known: HashSet::new(),
            size: size.max(1),
        }
    }

    /// Takes note of `id`; `false` when it is in the window already, and then nothing changes.
    #[must_use]
    pub fn admit(&mut self, id: &str) -> bool {
        let hash = self.keys.hash_one(id);
        if !self.known.insert(hash) {
            return false;
        }
        if self.order.len() == self.size
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.order.push_back(hash);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_refused_while_it_is_in_the_window_and_admitted_after() {
        let mut window = ReplayWindow::new(3);
        assert!(["a", "b", "c"].into_iter().all(|id| window.admit(id)));
        assert!(["a", "b", "c"].into_iter().all(|id| !window.admit(id)));
        assert!(window.admit("d"), "a new one");
        assert!(window.admit("a"), "the oldest has left the window");
        assert!(!window.admit("c"), "others have not");
    }

    #[test]
    fn five_million_ids_are_admitted_in_the_memory_of_the_window() {
        let mut window = ReplayWindow::new(4096);
        for number in 0..5_000_000_u32 {
            assert!(window.admit(&number.to_string()));
        }
        assert_eq!((window.order.len(), window.known.len()), (4096, 4096));
        assert!(window.known.capacity() <= 4 * 4096);
    }
}
