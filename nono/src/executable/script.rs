//! The `#!` line, as `load_script` of fs/binfmt_script.c reads it.

/// How much of a file the kernel looks at (`BINPRM_BUF_SIZE`); zeros stand for what is missing.
pub(super) const HEAD_BYTES: usize = 256;

/// The interpreter that the line names, or nothing where the kernel answers ENOEXEC: no name, or
/// one that the end of the buffer may have cut off.
pub(super) fn interpreter(head: &[u8; HEAD_BYTES]) -> Option<&[u8]> {
    let rest = head.strip_prefix(b"#!")?;
    let end = rest.iter().position(|&byte| byte == b'\n' || byte == 0);
    let is_whole_line = end.is_some_and(|end| rest[end] == b'\n');
    let line = match end {
        Some(end) if is_whole_line => &rest[..end],
        _ => rest,
    };
    let name = skip_blanks(line);
    match name.iter().position(|&byte| is_blank(byte) || byte == 0) {
        Some(end) => Some(&name[..end]),
        None if is_whole_line => Some(name),
        None => None,
    }
    .filter(|name| !name.is_empty())
}

fn skip_blanks(line: &[u8]) -> &[u8] {
    let start = line.iter().position(|&byte| !is_blank(byte));
    &line[start.unwrap_or(line.len())..]
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &[u8]) -> Option<Vec<u8>> {
        let mut head = [0; HEAD_BYTES];
        let length = text.len().min(HEAD_BYTES);
        head[..length].copy_from_slice(&text[..length]);
        interpreter(&head).map(<[u8]>::to_vec)
    }

    #[test]
    fn the_name_ends_at_a_blank_a_newline_or_the_end_of_the_file() {
        for text in [
            "#!/bin/sh\n",
            "#!/bin/sh",
            "#! \t/bin/sh -e x\nrest",
            "#!/bin/sh \t \n",
            "#!/bin/sh\0\n",
        ] {
            assert_eq!(read(text.as_bytes()), Some(b"/bin/sh".to_vec()), "{text:?}");
        }
    }

    #[test]
    fn a_line_without_a_name_has_no_interpreter() {
        for text in ["#!", "#!\n/bin/sh", "#!  \n", "#!\0/bin/sh\n", "/bin/sh\n", ""] {
            assert_eq!(read(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn a_name_that_the_buffer_cuts_off_is_refused_and_an_argument_may_be_cut() {
        let name = |length: usize| [b"#!/".to_vec(), vec![b'x'; length - 3]].concat();

        let length = |text: Vec<u8>| read(&text).map(|name| name.len());
        assert_eq!(length(name(255)), Some(253));
        assert_eq!(length(name(256)), None);
        assert_eq!(length([name(255), b"\n".to_vec()].concat()), Some(253));
        assert_eq!(length([name(256), b"\n".to_vec()].concat()), None);
        assert_eq!(length([name(254), b" yyyy".to_vec()].concat()), Some(252));
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_name_without_blanks_or_nothing(tail in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Some(name) = read(&[b"#!".to_vec(), tail].concat()) {
                prop_assert!(!name.is_empty());
                prop_assert!(!name.iter().any(|&byte| is_blank(byte) || byte == b'\n' || byte == 0));
            }
        }
    }
}
