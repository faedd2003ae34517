use proptest::prelude::*;

use super::*;

fn read(file: &[u8]) -> Result<Option<Vec<u8>>, Damage> {
    interpreter(|offset, buffer| {
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let found = start
            .checked_add(buffer.len())
            .and_then(|end| file.get(start..end))
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(found);
        Ok(())
    })
}

/// A file of two program headers, the second of which names `name`.
fn file(class: u8, order: u8, name: &[u8]) -> Vec<u8> {
    let ident = [b"\x7fELF".as_slice(), &[class, order, 1, 0], &[0; 8]].concat();
    let layout = Layout::of(&ident).unwrap();
    let start = usize::try_from(layout.header_bytes).unwrap();
    let name_start = start + 2 * layout.entry_bytes;
    let mut file = vec![0; name_start];
    file[..16].copy_from_slice(&ident);
    let word = layout.word_bytes;
    put(&mut file, layout, layout.phoff, word, start);
    put(&mut file, layout, layout.phentsize, 2, layout.entry_bytes);
    put(&mut file, layout, layout.phnum, 2, 2);
    let entry = start + layout.entry_bytes;
    put(&mut file, layout, start, 4, 1);
    put(&mut file, layout, entry, 4, 3);
    put(&mut file, layout, entry + layout.p_offset, word, name_start);
    put(&mut file, layout, entry + layout.p_filesz, word, name.len());
    file.extend_from_slice(name);
    file
}

fn put(file: &mut [u8], layout: Layout, at: usize, width: usize, number: usize) {
    let little = number.to_le_bytes();
    for (place, byte) in little[..width].iter().enumerate() {
        let place = if layout.is_big_endian { width - 1 - place } else { place };
        file[at + place] = *byte;
    }
}

#[test]
fn the_loader_is_found_in_both_classes_and_byte_orders() {
    for class in [1, 2] {
        for order in [1, 2] {
            let found = read(&file(class, order, b"/lib/ld.so\0")).unwrap();
            assert_eq!(found, Some(b"/lib/ld.so".to_vec()), "{class} {order}");
        }
    }
}

#[test]
fn a_file_without_the_header_is_static() {
    let mut file = file(2, 1, b"/lib/ld.so\0");
    file[64 + 56] = 1;

    assert_eq!(read(&file).unwrap(), None);
}

#[test]
fn a_damaged_file_is_malformed() {
    let sound = file(2, 1, b"/lib/ld.so\0");
    let changed = |at: usize, byte: u8| {
        let mut file = sound.clone();
        file[at] = byte;
        file
    };
    for (what, bytes) in [
        ("empty", Vec::new()),
        ("only the magic", b"\x7fELF".to_vec()),
        ("class", changed(4, 3)),
        ("byte order", changed(5, 0)),
        ("size of a program header", changed(54, 55)),
        ("no program header", changed(56, 0)),
        ("headers beyond the end", changed(39, 0x7f)),
        ("offset past all files", changed(39, 0xff)),
        ("too many headers", changed(57, 0xff)),
        ("name beyond the end", changed(64 + 56 + 8, 0xff)),
        ("name too long", changed(64 + 56 + 39, 0xff)),
        ("name cut off", sound[..sound.len() - 1].to_vec()),
        ("name without end", file(2, 1, b"/lib/ld.so")),
        ("empty name", file(2, 1, b"\0\0")),
        ("no name", file(2, 1, b"\0")),
    ] {
        assert!(matches!(read(&bytes), Err(Damage::Malformed)), "{what}");
    }
}

#[test]
fn an_error_of_the_system_is_passed_on() {
    let error = interpreter(|_, _| Err(io::ErrorKind::PermissionDenied.into()));

    assert!(matches!(error, Err(Damage::Io(_))));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(tail in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&[b"\x7fELF".to_vec(), tail].concat());
    }

    #[test]
    fn a_sound_file_with_some_bytes_changed_gives_a_name_without_nul_or_an_error(
        class in 1_u8..=2,
        order in 1_u8..=2,
        changes in prop::collection::vec((0_usize..200, any::<u8>()), 0..6),
    ) {
        let mut file = file(class, order, b"/lib/ld.so\0");
        let length = file.len();
        for (at, byte) in changes {
            file[at % length] = byte;
        }
        if let Ok(Some(name)) = read(&file) {
            prop_assert!(!name.is_empty() && !name.contains(&0));
        }
    }
}
