//! Messages as JSON, written into a frame.
//!
//! The text is that of `serde_json`, which also writes the numbers. Strings are what differs: it
//! looks at their bytes one by one, which for a long reason takes longer than sending it; here a
//! block at a time is looked at, and a message that cannot fit a frame is given up where it ends.

use serde::ser::{
    Error as _, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use serde_json::Error;

use crate::BODY_MAX;

type Result<T = (), E = Error> = std::result::Result<T, E>;

/// Appends `message` to `out`: at most [`BODY_MAX`] bytes and the longest number, else an error.
pub(crate) fn write<M: Serialize>(out: &mut Vec<u8>, message: &M) -> Result {
    let longest = out.len() + BODY_MAX;
    message.serialize(&mut Writer { out, longest })
}

struct Writer<'a> {
    out: &'a mut Vec<u8>,
    longest: usize,
}

/// What stands between an opening and a closing bracket.
struct Compound<'a, 'b> {
    writer: &'a mut Writer<'b>,
    is_first: bool,
    close: &'static [u8],
}

impl<'b> Writer<'b> {
    fn put(&mut self, bytes: &[u8]) -> Result {
        if bytes.len() > self.longest.saturating_sub(self.out.len()) {
            return Err(Error::custom(format_args!("more than {BODY_MAX} bytes of JSON")));
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn string(&mut self, text: &str) -> Result {
        let mut rest = text.as_bytes();
        self.put(b"\"")?;
        loop {
            let (plain, special) = rest.split_at(plain_prefix(rest));
            self.put(plain)?;
            let Some((special, behind)) = special.split_first() else { break };
            self.escape(*special)?;
            rest = behind;
        }
        self.put(b"\"")
    }

    fn escape(&mut self, byte: u8) -> Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |number: u8| DIGITS[usize::from(number & 15)];
        match byte {
            b'"' => self.put(b"\\\""),
            b'\\' => self.put(b"\\\\"),
            b'\n' => self.put(b"\\n"),
            b'\r' => self.put(b"\\r"),
            b'\t' => self.put(b"\\t"),
            0x08 => self.put(b"\\b"),
            0x0c => self.put(b"\\f"),
            _ => self.put(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte)]),
        }
    }

    /// A number, `true`, `false` or `null`.
    fn short(&mut self, value: impl Serialize) -> Result {
        serde_json::to_writer(&mut *self.out, &value)
    }

    /// `{"variant":`, to be closed behind what follows.
    fn variant(&mut self, variant: &'static str) -> Result {
        self.put(b"{")?;
        self.string(variant)?;
        self.put(b":")
    }

    fn open(&mut self, open: &[u8], close: &'static [u8]) -> Result<Compound<'_, 'b>> {
        self.put(open)?;
        Ok(Compound { writer: self, is_first: true, close })
    }
}

/// How many bytes stand before the first that has to be escaped. Blocks are judged whole, without a
/// branch a byte, so that the compiler makes vector instructions of it.
fn plain_prefix(bytes: &[u8]) -> usize {
    const BLOCK: usize = 128;
    let (blocks, _) = bytes.as_chunks::<BLOCK>();
    let is_plain = |block: &&[u8; BLOCK]| {
        block.iter().fold(0, |special, byte| special | u8::from(is_special(*byte))) == 0
    };
    let start = BLOCK * blocks.iter().take_while(is_plain).count();
    let rest = bytes[start..].iter().take_while(|byte| !is_special(**byte));
    start + rest.count()
}

fn is_special(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\')
}

macro_rules! short {
    ($($name:ident: $type:ty),*) => {
        $(fn $name(self, value: $type) -> Result {
            self.short(value)
        })*
    };
}

impl<'a, 'b> Serializer for &'a mut Writer<'b> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Compound<'a, 'b>;
    type SerializeTuple = Compound<'a, 'b>;
    type SerializeTupleStruct = Compound<'a, 'b>;
    type SerializeTupleVariant = Compound<'a, 'b>;
    type SerializeMap = Compound<'a, 'b>;
    type SerializeStruct = Compound<'a, 'b>;
    type SerializeStructVariant = Compound<'a, 'b>;

    short! {
        serialize_bool: bool,
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
        serialize_u128: u128,
        serialize_f32: f32, serialize_f64: f64
    }

    fn serialize_char(self, value: char) -> Result {
        self.string(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, text: &str) -> Result {
        self.string(text)
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result {
        self.collect_seq(bytes)
    }

    fn serialize_none(self) -> Result {
        self.put(b"null")
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result {
        self.put(b"null")
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result {
        self.put(b"null")
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result {
        self.string(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result {
        self.variant(variant)?;
        value.serialize(&mut *self)?;
        self.put(b"}")
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Compound<'a, 'b>> {
        self.open(b"[", b"]")
    }

    fn serialize_tuple(self, _: usize) -> Result<Compound<'a, 'b>> {
        self.open(b"[", b"]")
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Compound<'a, 'b>> {
        self.open(b"[", b"]")
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'a, 'b>> {
        self.variant(variant)?;
        self.open(b"[", b"]}")
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Compound<'a, 'b>> {
        self.open(b"{", b"}")
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Compound<'a, 'b>> {
        self.open(b"{", b"}")
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'a, 'b>> {
        self.variant(variant)?;
        self.open(b"{", b"}}")
    }
}

impl Compound<'_, '_> {
    fn separate(&mut self) -> Result {
        if std::mem::replace(&mut self.is_first, false) { Ok(()) } else { self.writer.put(b",") }
    }

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
        self.separate()?;
        value.serialize(&mut *self.writer)
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result {
        self.separate()?;
        self.writer.string(name)?;
        self.writer.put(b":")?;
        value.serialize(&mut *self.writer)
    }

    /// A key is a string; numbers and booleans become one.
    fn key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result {
        self.separate()?;
        let start = self.writer.out.len();
        key.serialize(&mut *self.writer)?;
        match self.writer.out.get(start) {
            Some(b'"') => Ok(()),
            Some(b'0'..=b'9' | b'-' | b't' | b'f') => {
                self.writer.out.insert(start, b'"');
                self.writer.put(b"\"")
            }
            _ => Err(Error::custom("a key must be a string")),
        }
    }

    fn close(self) -> Result {
        self.writer.put(self.close)
    }
}

macro_rules! compound {
    ($($trait:ident.$add:ident($($name:ident)?) by $as:ident),*) => {
        $(impl $trait for Compound<'_, '_> {
            type Ok = ();
            type Error = Error;

            fn $add<T: Serialize + ?Sized>(
                &mut self,
                $($name: &'static str,)?
                value: &T,
            ) -> Result {
                self.$as($($name,)? value)
            }

            fn end(self) -> Result {
                self.close()
            }
        })*
    };
}

compound! {
    SerializeSeq.serialize_element() by element,
    SerializeTuple.serialize_element() by element,
    SerializeTupleStruct.serialize_field() by element,
    SerializeTupleVariant.serialize_field() by element,
    SerializeStruct.serialize_field(name) by field,
    SerializeStructVariant.serialize_field(name) by field
}

impl SerializeMap for Compound<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result {
        self.key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
        self.writer.put(b":")?;
        value.serialize(&mut *self.writer)
    }

    fn end(self) -> Result {
        self.close()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone, serde::Serialize)]
    enum Every {
        Unit,
        Newtype(Option<f64>),
        Tuple(char, (), bool),
        Struct { text: String, numbers: Vec<i64>, nothing: [u8; 0] },
        Map(BTreeMap<i32, u128>, BTreeMap<String, Every>, BTreeMap<bool, f32>),
    }

    fn ours(value: &impl Serialize) -> Result<String> {
        let mut out = b"kept".to_vec();
        write(&mut out, value)?;
        Ok(String::from_utf8(out.split_off(4)).unwrap())
    }

    fn every() -> impl Strategy<Value = Every> {
        let leaf = prop_oneof![
            Just(Every::Unit),
            any::<Option<f64>>().prop_map(Every::Newtype),
            any::<(char, bool)>().prop_map(|(letter, truth)| Every::Tuple(letter, (), truth)),
            (".{0,80}", any::<Vec<i64>>()).prop_map(|(text, numbers)| Every::Struct {
                text,
                numbers,
                nothing: []
            }),
        ];
        leaf.prop_recursive(2, 8, 3, |inner| {
            let nested = prop::collection::btree_map(any::<String>(), inner, 0..3);
            let numbers = prop::collection::btree_map(any::<i32>(), any::<u128>(), 0..3);
            let truths = prop::collection::btree_map(any::<bool>(), any::<f32>(), 0..3);
            (numbers, nested, truths).prop_map(|(a, b, c)| Every::Map(a, b, c))
        })
    }

    proptest! {
        #[test]
        fn the_text_is_that_of_serde_json(value in every()) {
            prop_assert_eq!(ours(&value).unwrap(), serde_json::to_string(&value).unwrap());
        }

        #[test]
        fn strings_of_any_bytes_below_128_are_escaped_wherever_it_is_due(
            bytes in prop::collection::vec(prop_oneof![9 => Just(b'x'), 1 => 0_u8..128], 0..600),
        ) {
            let text = String::from_utf8(bytes).unwrap();
            prop_assert_eq!(ours(&text).unwrap(), serde_json::to_string(&text).unwrap());
        }
    }

    #[test]
    fn a_key_that_is_no_text_is_an_error_as_it_is_to_serde_json() {
        let keys = BTreeMap::from([(Option::<u8>::None, 1)]);
        assert!(ours(&keys).is_err() && serde_json::to_string(&keys).is_err());
        let keys = BTreeMap::from([(vec![1], 1)]);
        assert!(ours(&keys).is_err() && serde_json::to_string(&keys).is_err());
    }

    #[test]
    fn what_cannot_fit_is_given_up_before_it_is_copied() {
        assert_eq!(ours(&"x".repeat(BODY_MAX - 2)).unwrap().len(), BODY_MAX);
        assert!(ours(&"x".repeat(BODY_MAX - 1)).is_err());
        let mut out = Vec::new();
        assert!(write(&mut out, &vec!["x".repeat(30_000); 100]).is_err());
        assert!(out.len() <= BODY_MAX);
    }
}
