//! Archives as they should be, and as strangers make them.

use std::io::Write as _;

use proptest::prelude::*;
use rawzip::ZipArchiveWriter;

use super::*;
use crate::sample::{zip as pack, zip_with};

const LIMIT: u64 = 1 << 20;

/// Where the record of the directory that begins with `PK\x01\x02` stands.
fn directory(bytes: &[u8]) -> usize {
    let marks = bytes.windows(4);
    marks
        .into_iter()
        .position(|mark| mark == b"PK\x01\x02")
        .unwrap()
}

fn told(bytes: &[u8], name: &str) -> String {
    let error = read_entry(bytes, name, LIMIT).unwrap_err().to_string();
    assert!(error.len() < 1500, "{error}");
    error
}

#[test]
fn what_was_packed_comes_out_whatever_it_is_called() {
    let names = [
        "a.png",
        "folder/b.png",
        "../../etc/passwd",
        "/abs",
        "C:\\x",
        "ü.jpg",
        "",
    ];
    let entries: Vec<(&str, &[u8])> = names.iter().map(|name| (*name, name.as_bytes())).collect();
    let bytes = pack(&entries);
    for name in names {
        assert_eq!(read_entry(&bytes, name, LIMIT).unwrap(), name.as_bytes());
    }
    let missing = told(&bytes, "c.png");
    assert!(
        missing.contains("no file \"c.png\"") && missing.contains("\"a.png\""),
        "{missing}"
    );
    assert!(told(&pack(&[]), "c.png").contains("it is empty"));
    assert!(told(&bytes, &"x".repeat(5000)).contains("xxx…"));
}

#[test]
fn a_bomb_is_stopped_by_what_it_says_and_by_what_it_does() {
    let zeros = vec![0; 8 << 20];
    let bytes = pack(&[("bomb", &zeros)]);
    assert!(bytes.len() < 20_000);
    assert!(told(&bytes, "bomb").contains("\"bomb\" is larger than 1048576 bytes"));
    // The same with a size that lies.
    let mut lying = bytes.clone();
    let at = directory(&bytes) + 24;
    lying[at..at + 4].copy_from_slice(&100_u32.to_le_bytes());
    assert!(told(&lying, "bomb").contains("\"bomb\""));
    // Just inside the limit is taken.
    let fits = pack(&[("fits", &zeros[..LIMIT as usize])]);
    assert_eq!(
        read_entry(&fits, "fits", LIMIT).unwrap().len() as u64,
        LIMIT
    );
    let over = pack(&[("over", &zeros[..=LIMIT as usize])]);
    assert!(told(&over, "over").contains("larger"));
}

#[test]
fn two_of_one_name_and_folders_are_refused() {
    let twice = pack(&[("a", b"1"), ("b", b"2"), ("a", b"3")]);
    assert!(told(&twice, "a").contains("more than one file \"a\""));
    assert_eq!(read_entry(&twice, "b", LIMIT).unwrap(), b"2");
    let folder = pack(&[("photos/", b""), ("photos/a", b"1")]);
    assert!(told(&folder, "photos/").contains("is a folder"));
}

#[test]
fn what_is_encrypted_or_packed_in_a_strange_way_is_refused() {
    let bytes = pack(&[("a", b"some bytes")]);
    for (offset, value, expected) in [
        (8, 1_u16, "is encrypted"),
        (10, 99, "compressed with"),
        (10, 93, "compressed with"),
        (10, 777, "method 777"),
    ] {
        let message = told(&zip_with(bytes.clone(), offset, value), "a");
        assert!(
            message.contains("\"a\"") && message.contains(expected),
            "{message}"
        );
    }
}

#[test]
fn damage_is_noticed() {
    let content: Vec<u8> = (0..5000_u32)
        .flat_map(|n| (n.wrapping_mul(2_654_435_761)).to_le_bytes())
        .collect();
    let bytes = pack(&[("a.png", &content)]);
    for keep in [0, 1, 21, 22, 100, bytes.len() / 2, bytes.len() - 1] {
        let error = read_entry(&bytes[..keep], "a.png", LIMIT).unwrap_err();
        assert!(
            matches!(error, ArchiveError::Unreadable(_)),
            "{keep}: {error}"
        );
    }
    let mut flipped = bytes.clone();
    flipped[4000] ^= 0x40;
    assert!(told(&flipped, "a.png").contains("\"a.png\" is damaged"));
    // A checksum that is not that of the bytes.
    let mut wrong = bytes.clone();
    let at = directory(&bytes) + 16;
    wrong[at] ^= 1;
    assert!(told(&wrong, "a.png").contains("\"a.png\" is damaged"));
    for no_zip in [&b"PK\x03\x04"[..], b"", b"GIF89a", &[0; 5000]] {
        assert!(told(no_zip, "a").contains("no ZIP that can be read"));
    }
}

#[test]
fn sizes_of_zip64_that_lie_are_refused() {
    let bytes = pack(&[("a", b"some bytes")]);
    let at = directory(&bytes);
    for offset in [20, 24, 42] {
        for value in [u32::MAX, u32::MAX - 1] {
            let mut lying = bytes.clone();
            lying[at + offset..at + offset + 4].copy_from_slice(&value.to_le_bytes());
            assert!(read_entry(&lying, "a", LIMIT).is_err(), "{offset} {value}");
        }
    }
}

#[test]
fn a_hundred_thousand_entries_are_walked() {
    let mut bytes = Vec::new();
    let mut archive = ZipArchiveWriter::new(&mut bytes);
    for at in 0..100_000 {
        let file = archive.new_file(format!("{at}.txt"));
        let (mut entry, config) = file.start().unwrap();
        let mut writer = config.wrap(&mut entry);
        writer.write_all(b"x").unwrap();
        let (_, descriptor) = writer.finish().unwrap();
        entry.finish(descriptor).unwrap();
    }
    archive.finish().unwrap();
    assert_eq!(read_entry(&bytes, "99999.txt", LIMIT).unwrap(), b"x");
    assert!(told(&bytes, "none").contains("and more"));
}

proptest! {
    #[test]
    fn no_bytes_make_it_fall(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        keep in any::<prop::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        let mut bytes = pack(&[("a", &[7; 3000]), ("b/", b""), ("c", b"short")]);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if is_cut {
            bytes.truncate(keep.index(bytes.len()));
        }
        for name in ["a", "b/", "c", "d"] {
            if let Ok(read) = read_entry(&bytes, name, 4000) {
                prop_assert!(read.len() <= 4000);
            }
        }
    }
}
