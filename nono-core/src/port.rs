//! TCP and UDP ports.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One port or an inclusive range of ports, written `443` or `8000-8999`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl PortRange {
    /// Every port that can be named: 1 to 65535.
    pub const ALL: Self = Self { first: 1, last: u16::MAX };

    /// The ports from `first` to `last`, both included.
    ///
    /// # Errors
    /// [`PortRangeError::Zero`] for port 0, which names no port; [`PortRangeError::Reversed`] when
    /// `last` is below `first`.
    pub fn new(first: u16, last: u16) -> Result<Self, PortRangeError> {
        if first == 0 {
            return Err(PortRangeError::Zero);
        }
        if last < first {
            return Err(PortRangeError::Reversed { first, last });
        }
        Ok(Self { first, last })
    }

    /// The lowest port.
    #[must_use]
    pub fn first(self) -> u16 {
        self.first
    }

    /// The highest port.
    #[must_use]
    pub fn last(self) -> u16 {
        self.last
    }

    /// Whether `port` lies in the range.
    #[must_use]
    pub fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }

    /// The ports of the range, lowest first.
    #[must_use]
    pub fn ports(self) -> RangeInclusive<u16> {
        self.first..=self.last
    }
}

/// Why a text or a pair of numbers is no range of ports.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PortRangeError {
    /// Port 0 asks the kernel to choose; it names no port.
    #[error("port 0 names no port; use 1 to 65535")]
    Zero,
    /// The range ends before it begins.
    #[error("the range {first}-{last} ends before it begins")]
    Reversed {
        /// The port before the dash.
        first: u16,
        /// The port behind it.
        last: u16,
    },
    /// Not a number from 1 to 65535, nor two with a dash.
    #[error("{0:?} is neither a port (443) nor a range of ports (8000-8999)")]
    Malformed(String),
}

impl FromStr for PortRange {
    type Err = PortRangeError;

    fn from_str(text: &str) -> Result<Self, PortRangeError> {
        let number = |digits: &str| match digits.bytes().all(|byte| byte.is_ascii_digit()) {
            true => digits.parse().map_err(|_| PortRangeError::Malformed(text.to_owned())),
            false => Err(PortRangeError::Malformed(text.to_owned())),
        };
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        Self::new(number(first)?, number(last)?)
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

impl Serialize for PortRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A string, or a number for a single port.
impl<'de> Deserialize<'de> for PortRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Number(u16),
            Text(String),
        }
        let expected = |_| serde::de::Error::custom("not a port (443) nor a range (\"8000-8999\")");
        match Form::deserialize(deserializer).map_err(expected)? {
            Form::Number(port) => Self::new(port, port),
            Form::Text(text) => text.parse(),
        }
        .map_err(serde::de::Error::custom)
    }
}

/// A set of ports, kept as sorted ranges that neither overlap nor touch.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Vec<PortRange>", into = "Vec<PortRange>")]
pub struct PortSet {
    ranges: Vec<PortRange>,
}

impl PortSet {
    /// The empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self { ranges: Vec::new() }
    }

    /// Adds all ports of `range`.
    pub fn insert(&mut self, range: PortRange) {
        self.ranges.push(range);
        self.ranges.sort_unstable();
        self.ranges.dedup_by(|next, kept| {
            let joins = u32::from(next.first) <= u32::from(kept.last) + 1;
            if joins {
                kept.last = kept.last.max(next.last);
            }
            joins
        });
    }

    /// Whether `port` is in the set.
    #[must_use]
    pub fn contains(&self, port: u16) -> bool {
        let after = self.ranges.partition_point(|range| range.first <= port);
        after > 0 && self.ranges[after - 1].contains(port)
    }

    /// Whether the set has no port.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Whether the set has every port from 1 to 65535.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.ranges == [PortRange::ALL]
    }

    /// The ranges, lowest first.
    #[must_use]
    pub fn ranges(&self) -> &[PortRange] {
        &self.ranges
    }

    /// Every port, lowest first.
    pub fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        self.ranges.iter().flat_map(|range| range.ports())
    }
}

impl From<Vec<PortRange>> for PortSet {
    fn from(ranges: Vec<PortRange>) -> Self {
        let mut set = Self::new();
        ranges.into_iter().for_each(|range| set.insert(range));
        set
    }
}

impl From<PortSet> for Vec<PortRange> {
    fn from(set: PortSet) -> Self {
        set.ranges
    }
}

/// `22, 8000-8999`, or `none`.
impl fmt::Display for PortSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("none");
        }
        let mut separator = "";
        for range in &self.ranges {
            write!(f, "{separator}{range}")?;
            separator = ", ";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ranges: &[&str]) -> PortSet {
        ranges.iter().map(|text| text.parse().unwrap()).collect::<Vec<PortRange>>().into()
    }

    #[test]
    fn overlapping_and_touching_ranges_join() {
        assert_eq!(set(&["80", "443", "81-90", "85-100"]).to_string(), "80-100, 443");
        assert!(set(&["1-30000", "30001-65535"]).is_all());
        assert_eq!(set(&["65535", "65534"]).to_string(), "65534-65535");
    }

    #[test]
    fn membership_is_exact_at_the_edges() {
        let ports = set(&["80-90", "443"]);
        for (port, expected) in [(79, false), (80, true), (90, true), (91, false), (443, true)] {
            assert_eq!(ports.contains(port), expected, "{port}");
        }
        assert_eq!(ports.iter().count(), 12);
    }

    #[test]
    fn ranges_are_read_from_texts_and_numbers() {
        let read: PortSet = serde_json::from_str(r#"[443, "8000-8001"]"#).unwrap();
        assert_eq!(read, set(&["443", "8000-8001"]));
        assert!(serde_json::from_str::<PortSet>("[0]").is_err());
        assert!(serde_json::from_str::<PortSet>("[70000]").is_err());
    }

    #[test]
    fn texts_that_are_no_range_are_refused() {
        for text in ["", "0", "0-5", "9-8", "65536", "-1", "+80", "a", "1-2-3", "1-", " 80"] {
            assert!(text.parse::<PortRange>().is_err(), "{text:?}");
        }
    }
}
