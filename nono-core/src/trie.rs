//! A trie over path components in three flat arrays, so that a look-up costs one probe a
//! component however many paths are stored.
//!
//! Edges live in one open-addressing table keyed by (parent node, component). Only the owner of a
//! policy inserts, so an attacker who chooses the paths that are looked up cannot grow a chain.

use std::path::Path;

const ROOT: u32 = 0;
const EMPTY: u32 = u32::MAX;

/// Maps absolute paths to values; see [`Trie::walk`] for what makes it a trie.
#[derive(Debug, Clone)]
pub(crate) struct Trie<T> {
    nodes: Vec<Node<T>>,
    names: Vec<u8>,
    slots: Vec<u32>,
    last: Vec<u8>,
    /// The nodes on the way to `last`, each with where its component ends there.
    trail: Vec<(u32, usize)>,
}

#[derive(Debug, Clone)]
struct Node<T> {
    parent: u32,
    hash: u32,
    name_start: u32,
    name_end: u32,
    value: T,
}

/// The path has `..` in it or is relative: as text it says nothing about where it leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotCanonical;

impl<T: Default> Trie<T> {
    #[cfg(test)]
    pub(crate) fn new() -> Self {
        Self::with_capacity(0)
    }

    /// A trie that takes about `paths` paths without growing: fresh memory is what costs most when
    /// a large one is built.
    pub(crate) fn with_capacity(paths: usize) -> Self {
        let nodes = paths + paths / 4 + 1;
        let mut trie = Self {
            nodes: Vec::with_capacity(nodes),
            names: Vec::with_capacity(paths * 12),
            slots: vec![EMPTY; (nodes * 2).next_power_of_two().max(16)],
            last: Vec::new(),
            trail: Vec::new(),
        };
        let value = T::default();
        trie.nodes.push(Node { parent: EMPTY, hash: 0, name_start: 0, name_end: 0, value });
        trie
    }

    /// The value at `path`, made with `T::default()` if there was none.
    ///
    /// # Errors
    /// [`NotCanonical`] for a relative path and for `..`.
    pub(crate) fn entry(&mut self, path: &Path) -> Result<&mut T, NotCanonical> {
        let bytes = path.as_os_str().as_encoded_bytes();
        let (mut at, known) = self.resume(bytes);
        for component in components(bytes, known)? {
            let Component { name, hash, end } = component?;
            at = match self.find(at, name, hash) {
                Some(child) => child,
                None => self.insert(at, name, hash)?,
            };
            self.trail.push((at, end));
        }
        Ok(&mut self.nodes[index(at)].value)
    }

    /// Starts on the way to `path` where it leaves the way to the path before, since paths that are
    /// close often come one after the other; returns how much of the path is behind.
    fn resume(&mut self, path: &[u8]) -> (u32, usize) {
        let common = self.last.iter().zip(path).take_while(|(a, b)| a == b).count();
        let is_shared = |end: usize| end <= common && matches!(path.get(end), None | Some(b'/'));
        while self.trail.pop_if(|(_, end)| !is_shared(*end)).is_some() {}
        self.last.truncate(common);
        self.last.extend_from_slice(&path[common..]);
        self.trail.last().copied().unwrap_or((ROOT, 0))
    }

    fn insert(&mut self, parent: u32, name: &[u8], hash: u32) -> Result<u32, NotCanonical> {
        if (self.nodes.len() + 1) * 2 > self.slots.len() {
            self.grow();
        }
        let small = |length: usize| u32::try_from(length).map_err(|_| NotCanonical);
        let id = small(self.nodes.len())?;
        let name_start = small(self.names.len())?;
        self.names.extend_from_slice(name);
        let name_end = small(self.names.len())?;
        self.nodes.push(Node { parent, hash, name_start, name_end, value: T::default() });
        self.place(id);
        Ok(id)
    }

    fn grow(&mut self) {
        self.slots = vec![EMPTY; self.slots.len() * 4];
        for id in (1..).take(self.nodes.len() - 1) {
            self.place(id);
        }
    }

    fn place(&mut self, id: u32) {
        let node = &self.nodes[index(id)];
        let mask = self.slots.len() - 1;
        let mut slot = spread(node.parent, node.hash) & mask;
        while self.slots[slot] != EMPTY {
            slot = (slot + 1) & mask;
        }
        self.slots[slot] = id;
    }
}

impl<T> Trie<T> {
    /// Calls `visit` for every stored node on the way to `path`, the root first; the flag says
    /// whether the node is `path` itself. Stops where the path leaves the trie.
    ///
    /// # Errors
    /// [`NotCanonical`] for a relative path and for `..`, wherever it stands.
    pub(crate) fn walk<'a>(
        &'a self,
        path: &Path,
        mut visit: impl FnMut(&'a T, bool),
    ) -> Result<(), NotCanonical> {
        let mut at = Some(ROOT);
        for component in components(path.as_os_str().as_encoded_bytes(), 0)? {
            let Component { name, hash, .. } = component?;
            let Some(node) = at else { continue };
            visit(&self.nodes[index(node)].value, false);
            at = self.find(node, name, hash);
        }
        if let Some(node) = at {
            visit(&self.nodes[index(node)].value, true);
        }
        Ok(())
    }

    /// The child of `parent` called `name`.
    fn find(&self, parent: u32, name: &[u8], hash: u32) -> Option<u32> {
        let mask = self.slots.len() - 1;
        let mut slot = spread(parent, hash) & mask;
        loop {
            let id = self.slots[slot];
            if id == EMPTY {
                return None;
            }
            let node = &self.nodes[index(id)];
            if node.hash == hash && node.parent == parent && self.name(node) == name {
                return Some(id);
            }
            slot = (slot + 1) & mask;
        }
    }

    fn name(&self, node: &Node<T>) -> &[u8] {
        &self.names[index(node.name_start)..index(node.name_end)]
    }
}

struct Component<'a> {
    name: &'a [u8],
    hash: u32,
    end: usize,
}

/// The components of an absolute path from a slash on; `.` and empty ones are left out.
fn components(
    path: &[u8],
    from: usize,
) -> Result<impl Iterator<Item = Result<Component<'_>, NotCanonical>>, NotCanonical> {
    if !path.starts_with(b"/") {
        return Err(NotCanonical);
    }
    let mut rest = &path[from..];
    Ok(std::iter::from_fn(move || {
        loop {
            let start = path.len() - rest.len();
            let (name, hash, after) = split(rest)?;
            rest = after;
            match name {
                b"" | b"." => {}
                b".." => return Some(Err(NotCanonical)),
                _ => return Some(Ok(Component { name, hash, end: start + name.len() })),
            }
        }
    }))
}

/// Takes the first component off and hashes it (FNV-1a, 32 bit) in the same pass.
fn split(bytes: &[u8]) -> Option<(&[u8], u32, &[u8])> {
    if bytes.is_empty() {
        return None;
    }
    let mut hash = 0x811c_9dc5_u32;
    for (at, &byte) in bytes.iter().enumerate() {
        if byte == b'/' {
            return Some((&bytes[..at], hash, &bytes[at + 1..]));
        }
        hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    Some((bytes, hash, &[]))
}

fn spread(parent: u32, hash: u32) -> usize {
    let mixed = (u64::from(parent) << 32 | u64::from(hash)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    index(u32::from_be_bytes(first_half(mixed.to_be_bytes())))
}

fn first_half(bytes: [u8; 8]) -> [u8; 4] {
    [bytes[0], bytes[1], bytes[2], bytes[3]]
}

/// Node numbers fit `usize` on every platform nono runs on (32 bits and up).
#[allow(clippy::cast_possible_truncation)]
const fn index(number: u32) -> usize {
    number as usize
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn visited(trie: &Trie<u32>, path: &str) -> Vec<(u32, bool)> {
        let mut seen = Vec::new();
        trie.walk(Path::new(path), |value, last| seen.push((*value, last))).unwrap();
        seen
    }

    #[test]
    fn components_match_whole_and_never_by_prefix() {
        let mut trie = Trie::new();
        *trie.entry(Path::new("/etc/shadow")).unwrap() = 7;

        assert_eq!(visited(&trie, "/etc/shadow"), [(0, false), (0, false), (7, true)]);
        assert_eq!(visited(&trie, "/etc/shadow2"), [(0, false), (0, false)]);
        assert_eq!(visited(&trie, "//etc/./shadow/"), [(0, false), (0, false), (7, true)]);
        assert_eq!(visited(&trie, "/etc/shadow/x"), [(0, false), (0, false), (7, false)]);
        assert_eq!(visited(&trie, "/"), [(0, true)]);
    }

    #[test]
    fn dot_dot_and_relative_paths_are_refused_wherever_they_stand() {
        let trie = Trie::<u32>::new();
        for path in ["/a/../b", "/..", "/nowhere/at/all/..", "a", "", "./a"] {
            assert_eq!(trie.walk(Path::new(path), |_, _| {}), Err(NotCanonical), "{path}");
        }
    }

    proptest! {
        #[test]
        fn a_trie_answers_as_a_plain_map_of_paths_does(
            paths in prop::collection::vec(prop::collection::vec("[a-c]{1,2}", 0..5), 1..200),
            asked in prop::collection::vec(prop::collection::vec("[a-c]{1,2}", 0..6), 1..50),
        ) {
            let mut trie = Trie::new();
            let mut map = BTreeMap::new();
            for (number, path) in (1_u32..).zip(&paths) {
                *trie.entry(Path::new(&format!("/{}", path.join("/")))).unwrap() = number;
                map.insert(path.clone(), number);
            }
            for path in &asked {
                let mut seen = Vec::new();
                let text = format!("/{}", path.join("/"));
                trie.walk(Path::new(&text), |value, last| seen.push((*value, last))).unwrap();
                seen.retain(|(value, _)| *value != 0);
                let expected: Vec<_> = (0..=path.len())
                    .filter_map(|depth| Some((*map.get(&path[..depth])?, depth == path.len())))
                    .collect();
                prop_assert_eq!(seen, expected);
            }
        }
    }
}
