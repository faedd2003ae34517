use super::*;

const USERS: &[u8] = b"root:x:0:0:root:/root:/bin/bash
+nis
broken:x:12
alice:x:1000:100:Alice,,,:/home/alice:/bin/zsh
bare:x:1001:1001:::
minus:x:4294967295:1001::/home/minus:/bin/sh
signed:x:+5:1001::/home/signed:/bin/sh
nowhere:x:1002:1002::relative:/bin/sh
alice:x:0:0:second:/evil:/bin/sh";

const GROUPS: &[u8] = b"users:x:100:
build:x:200:bob,alice
alices:x:201:alicexx
docker:x:202:alice
again:x:200:alice
bad:x:notanumber:carol
worse:x:4294967295:bare
";

fn parse(name: &str) -> Result<User, UserError> {
    User::parse(name.as_ref(), USERS, GROUPS)
}

#[test]
fn a_user_is_its_first_line_and_the_groups_that_list_it() {
    let alice = parse("alice").unwrap();

    assert_eq!(alice.identity(), &Identity::new(1000, 100, vec![100, 200, 202]).unwrap());
    assert_eq!(alice.home(), Path::new("/home/alice"));
    assert_eq!(alice.shell(), Path::new("/bin/zsh"));
}

#[test]
fn empty_fields_have_the_defaults_of_login() {
    let bare = User::parse("bare".as_ref(), USERS, b"").unwrap();
    assert_eq!((bare.home(), bare.shell()), (Path::new("/"), Path::new("/bin/sh")));
}

#[test]
fn names_that_are_not_there_are_unknown() {
    for name in ["", "al", "alicee", "x", "1000", "alice:x", "alice\n"] {
        assert!(matches!(parse(name), Err(UserError::Unknown(_))), "{name:?}");
    }
}

#[test]
fn a_broken_line_matters_to_its_own_user_only() {
    let expected = [("broken", 3), ("+nis", 2), ("minus", 6), ("signed", 7), ("nowhere", 8)];
    for (name, line) in expected {
        let error = parse(name).unwrap_err();
        assert!(
            matches!(error, UserError::Malformed { file: PASSWD, line: found } if found == line),
            "{name}: {error}"
        );
    }
    let carol = b"carol:x:7:7::/:/bin/sh";
    let error = User::parse("carol".as_ref(), carol, GROUPS).unwrap_err();
    assert!(matches!(error, UserError::Malformed { file: GROUP, line: 6 }), "{error}");
    assert!(matches!(parse("bare"), Err(UserError::Malformed { .. })), "group 4294967295");
}

#[test]
fn more_groups_than_the_kernel_takes_are_an_error() {
    let groups: String = (0..70_000).map(|gid| format!("g{gid}:x:{gid}:alice\n")).collect();
    let error = User::parse("alice".as_ref(), USERS, groups.as_bytes()).unwrap_err();
    assert!(matches!(error, UserError::TooManyGroups(_)), "{error}");
}

#[test]
fn root_is_the_first_user_0_whatever_the_environment_says() {
    let root = entry_of(0, USERS).unwrap();
    assert_eq!(
        (root.home.as_path(), root.shell.as_path()),
        (Path::new("/root"), Path::new("/bin/bash"))
    );
    let toor = entry_of(0, b"toor:x:0:0::/r:\n").unwrap();
    assert_eq!(
        (toor.home.as_path(), toor.shell.as_path()),
        (Path::new("/r"), Path::new("/bin/sh"))
    );
    assert!(entry_of(0, b"alice:x:1000:100::/home/alice:/bin/sh").is_err());
}
