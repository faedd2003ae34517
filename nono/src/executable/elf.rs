//! The loader that an ELF file names, read with bounds checked at every step (elf(5)).

use std::io;

/// The kernel's limits: PATH_MAX for the name, 64 KiB for the program headers.
const MAX_NAME_BYTES: u64 = 4096;
const MAX_HEADERS_BYTES: u64 = 65_536;

const PT_INTERP: u64 = 3;

/// Why a file that begins as ELF cannot be understood.
#[derive(Debug)]
pub(super) enum Damage {
    Malformed,
    Io(io::Error),
}

/// Whether a file begins with the magic number of ELF.
pub(super) fn is_elf(head: &[u8]) -> bool {
    head.starts_with(b"\x7fELF")
}

/// The name in the first PT_INTERP header; none for a static program. `read_exact` fills its
/// buffer from an offset in the file or fails.
pub(super) fn interpreter(
    read_exact: impl Fn(u64, &mut [u8]) -> io::Result<()>,
) -> Result<Option<Vec<u8>>, Damage> {
    let read = |offset, length: u64| -> Result<Vec<u8>, Damage> {
        let mut bytes = vec![0; usize::try_from(length).map_err(|_| Damage::Malformed)?];
        read_exact(offset, &mut bytes).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput => Damage::Malformed,
            _ => Damage::Io(error),
        })?;
        Ok(bytes)
    };
    let ident = read(0, 16)?;
    let layout = Layout::of(&ident).ok_or(Damage::Malformed)?;
    let header = layout.over(read(0, layout.header_bytes)?);
    let table = header.program_headers().ok_or(Damage::Malformed)?;
    let headers = layout.over(read(table.offset, table.bytes)?);
    let Some(name) = headers.find_interpreter().ok_or(Damage::Malformed)? else {
        return Ok(None);
    };
    if !(2..=MAX_NAME_BYTES).contains(&name.bytes) {
        return Err(Damage::Malformed);
    }
    until_nul(read(name.offset, name.bytes)?).map(Some).ok_or(Damage::Malformed)
}

/// The name without its end mark, which must be the last byte; the kernel reads up to the first.
fn until_nul(mut name: Vec<u8>) -> Option<Vec<u8>> {
    if name.last() != Some(&0) {
        return None;
    }
    name.truncate(name.iter().position(|&byte| byte == 0)?);
    (!name.is_empty()).then_some(name)
}

/// A part of the file.
struct Extent {
    offset: u64,
    bytes: u64,
}

/// Where the fields lie, by the class of the file, and how their bytes are ordered.
#[derive(Clone, Copy)]
struct Layout {
    is_big_endian: bool,
    word_bytes: usize,
    header_bytes: u64,
    phoff: usize,
    phentsize: usize,
    phnum: usize,
    entry_bytes: usize,
    p_offset: usize,
    p_filesz: usize,
}

impl Layout {
    fn of(ident: &[u8]) -> Option<Self> {
        let is_big_endian = match ident.get(5)? {
            1 => false,
            2 => true,
            _ => return None,
        };
        match ident.get(4)? {
            1 => Some(Self {
                is_big_endian,
                word_bytes: 4,
                header_bytes: 52,
                phoff: 28,
                phentsize: 42,
                phnum: 44,
                entry_bytes: 32,
                p_offset: 4,
                p_filesz: 16,
            }),
            2 => Some(Self {
                is_big_endian,
                word_bytes: 8,
                header_bytes: 64,
                phoff: 32,
                phentsize: 54,
                phnum: 56,
                entry_bytes: 56,
                p_offset: 8,
                p_filesz: 32,
            }),
            _ => None,
        }
    }

    fn over(self, bytes: Vec<u8>) -> Fields {
        Fields { layout: self, bytes }
    }
}

/// Bytes of the file with the layout of its fields.
struct Fields {
    layout: Layout,
    bytes: Vec<u8>,
}

impl Fields {
    fn program_headers(&self) -> Option<Extent> {
        let layout = self.layout;
        let entry_bytes = self.number(layout.phentsize, 2)?;
        let bytes = entry_bytes.checked_mul(self.number(layout.phnum, 2)?)?;
        let is_sound = usize::try_from(entry_bytes) == Ok(layout.entry_bytes)
            && (1..=MAX_HEADERS_BYTES).contains(&bytes);
        is_sound.then_some(Extent { offset: self.number(layout.phoff, layout.word_bytes)?, bytes })
    }

    /// The name's place in the file, if any header has one; nothing when a field is out of bounds.
    fn find_interpreter(&self) -> Option<Option<Extent>> {
        let layout = self.layout;
        for start in (0..self.bytes.len()).step_by(layout.entry_bytes) {
            if self.number(start, 4)? == PT_INTERP {
                return Some(Some(Extent {
                    offset: self.number(start + layout.p_offset, layout.word_bytes)?,
                    bytes: self.number(start + layout.p_filesz, layout.word_bytes)?,
                }));
            }
        }
        Some(None)
    }

    fn number(&self, at: usize, width: usize) -> Option<u64> {
        let bytes = self.bytes.get(at..at.checked_add(width)?)?;
        let push = |number, &byte: &u8| number << 8 | u64::from(byte);
        Some(if self.layout.is_big_endian {
            bytes.iter().fold(0, push)
        } else {
            bytes.iter().rev().fold(0, push)
        })
    }
}

#[cfg(test)]
mod tests;
