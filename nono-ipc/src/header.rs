//! The four bytes before every body.

use crate::FrameError;

/// The longest body, in bytes.
pub const BODY_MAX: usize = 65_536;

/// The first four bytes of a frame, big-endian: bit 31 says that a descriptor rides on the frame,
/// bits 30 to 0 are the length of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    length: u32,
    marked: bool,
}

const MARK: u32 = 1 << 31;

impl Header {
    /// The size of a header in bytes.
    pub const SIZE: usize = 4;

    /// The header of a body of `length` bytes.
    ///
    /// # Errors
    /// [`FrameError::TooLong`], and [`FrameError::Empty`] for an empty body without a descriptor.
    pub fn new(length: usize, marked: bool) -> Result<Self, FrameError> {
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        Self { length, marked }.checked()
    }

    /// Reads a header.
    ///
    /// # Errors
    /// [`FrameError::TooLong`] and [`FrameError::Empty`].
    pub fn from_bytes(bytes: [u8; Self::SIZE]) -> Result<Self, FrameError> {
        let word = u32::from_be_bytes(bytes);
        Self { length: word & !MARK, marked: word & MARK != 0 }.checked()
    }

    /// The header as it travels.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::SIZE] {
        (self.length | if self.marked { MARK } else { 0 }).to_be_bytes()
    }

    /// The length of the body in bytes.
    #[must_use]
    pub fn body_length(self) -> usize {
        // At most BODY_MAX, which fits wherever a u16 and a bit does.
        usize::try_from(self.length).unwrap_or(BODY_MAX)
    }

    /// Whether a descriptor rides on the frame.
    #[must_use]
    pub fn is_marked(self) -> bool {
        self.marked
    }

    fn checked(self) -> Result<Self, FrameError> {
        match self.length {
            0 if !self.marked => Err(FrameError::Empty),
            length if usize::try_from(length).is_ok_and(|length| length <= BODY_MAX) => Ok(self),
            length => Err(FrameError::TooLong { length }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_comes_back_and_the_mark_is_its_top_bit() {
        for (length, marked, bytes) in [
            (1, false, [0, 0, 0, 1]),
            (BODY_MAX, false, [0, 1, 0, 0]),
            (0, true, [0x80, 0, 0, 0]),
            (258, true, [0x80, 0, 1, 2]),
        ] {
            let header = Header::new(length, marked).unwrap();
            assert_eq!(header.to_bytes(), bytes);
            assert_eq!(Header::from_bytes(bytes).unwrap(), header);
            assert_eq!((header.body_length(), header.is_marked()), (length, marked));
        }
    }

    #[test]
    fn impossible_lengths_are_refused() {
        assert_eq!(Header::from_bytes([0; 4]), Err(FrameError::Empty));
        for word in [65_537_u32, 0x7fff_ffff] {
            let refused = Err(FrameError::TooLong { length: word });
            assert_eq!(Header::from_bytes(word.to_be_bytes()), refused);
            assert_eq!(Header::from_bytes((word | MARK).to_be_bytes()), refused);
        }
        assert!(Header::new(BODY_MAX + 1, true).is_err());
        assert!(Header::new(usize::MAX, false).is_err());
    }
}
