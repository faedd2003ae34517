//! Whatever control messages a peer sends, no descriptor stays open, and none comes where it may not.
#![no_main]

mod sys;

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::sync::LazyLock;

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use nono_ipc::{ClientEnd, Header, Passed, SupervisorEnd};
use rustix::io::{FdFlags, fcntl_getfd};

static FILE: LazyLock<File> = LazyLock::new(|| File::open("/dev/null").expect("it is there"));

/// The most descriptors that one message may carry: `SCM_MAX_FD` of linux/net/scm.h.
const MOST: usize = 253;

fuzz_target!(|bytes: &[u8]| {
    LazyLock::force(&FILE);
    let before = open_descriptors();
    // Running out of input ends a case early.
    let _ = attack(&mut Unstructured::new(bytes));
    assert_eq!(open_descriptors(), before);
});

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("it is there").count()
}

fn attack(input: &mut Unstructured<'_>) -> Result<()> {
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    let outcome;
    if input.arbitrary()? {
        let mut end: SupervisorEnd = SupervisorEnd::from_stream(ours).expect("an end");
        if input.arbitrary()? {
            sys::pass_rights(end.as_fd());
        }
        outcome = send_all(&theirs, input);
        drop(theirs);
        // What is no message is refused later than what is no frame: see both.
        while let Ok(Some(frame)) = end.recv_body() {
            assert!(matches!(frame.descriptor, Passed::Nothing));
            assert_eq!(frame.sender.map(|sender| sender.pid), Some(std::process::id()));
        }
        assert!(!matches!(end.recv(), Ok(Some(_))));
    } else {
        let mut end: ClientEnd = ClientEnd::from_stream(ours).expect("an end");
        outcome = send_all(&theirs, input);
        drop(theirs);
        while let Ok(Some(frame)) = end.recv_body() {
            if let Passed::Descriptor(descriptor) = frame.descriptor {
                let flags = fcntl_getfd(&descriptor).expect("it is open");
                assert!(flags.contains(FdFlags::CLOEXEC));
            }
        }
    }
    outcome
}

fn send_all(socket: &UnixStream, input: &mut Unstructured<'_>) -> Result<()> {
    while !input.is_empty() {
        let bytes = bytes(input)?;
        let mut control = control(input)?;
        // What the kernel refuses does not arrive.
        let _ = sys::send(socket.as_fd(), &bytes, &mut control);
    }
    Ok(())
}

/// A frame, two, the part of one, or none at all.
fn bytes(input: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let body = vec![b'x'; input.int_in_range(0..=40)?];
    let frame = match Header::new(body.len(), input.arbitrary()?) {
        Ok(header) => [&header.to_bytes()[..], &body].concat(),
        Err(_) => body,
    };
    Ok(match input.int_in_range(0..=7)? {
        0 => input.bytes(input.len().min(9))?.to_vec(),
        1 => frame[..input.int_in_range(0..=frame.len())?].to_vec(),
        2 => frame.repeat(2),
        _ => frame,
    })
}

fn control(input: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let mut control = Vec::new();
    for _ in 0..input.int_in_range(0..=2)? {
        let rights = |count: usize| FILE.as_raw_fd().to_ne_bytes().repeat(count);
        let (kind, data) = match input.int_in_range(0..=6)? {
            0 => (libc::SCM_RIGHTS, rights(input.int_in_range(0..=MOST + 1)?)),
            1 => (libc::SCM_CREDENTIALS, own_credentials()),
            2 => (input.arbitrary()?, input.bytes(input.len().min(12))?.to_vec()),
            3 => (libc::SCM_RIGHTS, rights(2)),
            _ => (libc::SCM_RIGHTS, rights(1)),
        };
        let lie = if input.ratio(1, 8)? { input.arbitrary::<i8>()?.into() } else { 0 };
        append(&mut control, kind, &data, lie);
    }
    if input.ratio(1, 8)? {
        control.truncate(input.int_in_range(0..=control.len())?);
    }
    Ok(control)
}

/// Appends one control message, whose length is wrong by `lie`. Source: cmsg(3).
fn append(control: &mut Vec<u8>, kind: libc::c_int, data: &[u8], lie: isize) {
    let length = (size_of::<libc::cmsghdr>() + data.len()).wrapping_add_signed(lie);
    control.extend(length.to_ne_bytes());
    control.extend(libc::SOL_SOCKET.to_ne_bytes());
    control.extend(kind.to_ne_bytes());
    control.extend(data);
    control.resize(control.len().next_multiple_of(size_of::<usize>()), 0);
}

fn own_credentials() -> Vec<u8> {
    let ids = [rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw()];
    [std::process::id(), ids[0], ids[1]].into_iter().flat_map(u32::to_ne_bytes).collect()
}
