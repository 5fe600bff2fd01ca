//! A whole directory of a spool, as crashes and bad disks may leave it.

use std::fs;
use std::path::Path;

use super::segment::{deliver, directory, exported, mend, write_format};

/// The directory of a process that is gone.
const ORPHAN: &str = "process-1-0";
/// Of each file: what it is, its position in the log (two bytes), its length (two bytes).
const HEAD: usize = 5;

/// The rest is files, one after the other, of which the first byte of each says what it is.
///
/// What a start with the backend away leaves on disk is what the next one finds, and delivers, once; what had no
/// room in it comes with one of those behind.
pub fn run(mut bytes: &[u8]) {
    let directory = directory();
    let path = directory.path();
    write_format(path);
    while let Some((head, rest)) = bytes.split_first_chunk::<HEAD>() {
        let position = u64::from(u16::from_le_bytes([head[1], head[2]]));
        let len = usize::from(u16::from_le_bytes([head[3], head[4]])).min(rest.len());
        let (content, rest) = rest.split_at(len);
        write(path, head[0], position, content);
        bytes = rest;
    }
    let Some(first) = deliver(path, false) else {
        return;
    };
    assert_eq!(exported(&first), 0, "{first}");
    let second = deliver(path, true).expect("it was read before");
    let (left, found) = (first.lanes[0].recovered, second.lanes[0].recovered);
    assert_eq!(left, found, "{first}\n{second}");
    assert_eq!(exported(&second), found, "{second}");
    // What a dead process left waits until there is room for it, and that is only now, perhaps.
    let third = deliver(path, true).expect("it was read before");
    assert_eq!(exported(&third), third.lanes[0].recovered, "{third}");
    let fourth = deliver(path, true).expect("it was read before");
    assert_eq!(fourth.lanes[0].recovered, 0, "{fourth}");
}

/// Writes a file of some kind.
fn write(path: &Path, kind: u8, position: u64, content: &[u8]) {
    let mut content = content.to_vec();
    let segment = format!("log-{position:016x}.seg");
    let name = match kind % 6 {
        0 => {
            mend(&mut content);
            segment
        }
        1 => segment,
        2 => {
            mend_cursor(&mut content);
            "lane-8390ee5a.cur".to_owned()
        }
        3 => {
            fs::create_dir_all(path.join(ORPHAN)).expect("created");
            write_format(&path.join(ORPHAN));
            mend(&mut content);
            format!("{ORPHAN}/{segment}")
        }
        4 => format!("{segment}.damaged"),
        _ => "FORMAT.new".to_owned(),
    };
    fs::write(path.join(name), content).expect("written");
}

/// Makes the checksums of both slots right, and of the ranges behind them.
fn mend_cursor(content: &mut [u8]) {
    let (slots, areas) = content.split_at_mut(content.len().min(2 * 32));
    for slot in slots.chunks_exact_mut(32) {
        let sum = crc32c::crc32c(&slot[..16]);
        slot[16..20].copy_from_slice(&sum.to_le_bytes());
    }
    for area in areas.chunks_mut(2048).filter(|area| area.len() >= 16) {
        let count = u32::from_le_bytes([area[8], area[9], area[10], area[11]]) as usize;
        let end = count.saturating_mul(16).saturating_add(16).min(area.len());
        let sum = crc32c::crc32c_append(crc32c::crc32c(&area[..12]), &area[16..end]);
        area[12..16].copy_from_slice(&sum.to_le_bytes());
    }
}
