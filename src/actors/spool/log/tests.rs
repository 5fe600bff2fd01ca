//! The log against a model, on a disk that fails.

use proptest::prelude::*;

use super::super::sim::SimDisk;
use super::*;

const SIZES: Sizes = Sizes {
    segment: 300,
    max: 1 << 20,
};

fn lanes() -> Vec<String> {
    vec!["a".to_owned(), "b".to_owned()]
}

fn open(disk: &SimDisk, floor: u64) -> (Log<SimDisk>, Recovered) {
    Log::open(disk.clone(), SIZES, lanes(), floor, |_, _| {}).expect("the disk works")
}

fn append(log: &mut Log<SimDisk>, body: &[u8]) -> Result<u64, Full> {
    log.append(Signal::Traces, 2, 0b11, 7, body.len(), body.chunks(5))
}

/// All records from `position` on.
fn read_from(log: &Log<SimDisk>, mut position: u64) -> Vec<(u64, Vec<u8>)> {
    let mut all = Vec::new();
    while let Some(stored) = log.read(position).expect("the disk works") {
        position = stored.next;
        all.push((stored.position, stored.body));
    }
    all
}

#[derive(Clone, Debug)]
enum Action {
    Append(Vec<u8>),
    Commit,
    /// A commit during which the disk fails to sync.
    CommitFailing,
    /// A commit on a disk with so many bytes left.
    CommitCrowded(usize),
    /// Gives up all before the record of this index, for good or until a power cut.
    Release(prop::sample::Index, bool),
    Kill,
    CutPower(u64),
}

fn action() -> impl Strategy<Value = Action> {
    let body = prop::collection::vec(any::<u8>(), 0..120);
    prop_oneof![
        6 => body.prop_map(Action::Append),
        4 => Just(Action::Commit),
        1 => Just(Action::CommitFailing),
        1 => (0..200_usize).prop_map(Action::CommitCrowded),
        1 => any::<(prop::sample::Index, bool)>().prop_map(|(index, synced)| Action::Release(index, synced)),
        1 => Just(Action::Kill),
        2 => any::<u64>().prop_map(Action::CutPower),
    ]
}

/// Decides by a seed what survives.
fn coin(mut seed: u64) -> impl FnMut() -> bool {
    move || {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        seed >> 63 == 1
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// What was committed is there after whatever happened, in order, once, and so is what was killed
    /// or cut off while it was pending, or nothing of it: never half a record, never another.
    #[test]
    fn what_was_committed_is_there(actions in prop::collection::vec(action(), 1..60)) {
        let disk = SimDisk::default();
        let (mut log, _) = open(&disk, 0);
        // Committed and not released; appended and not committed.
        let (mut kept, mut pending) = (Vec::<(u64, Vec<u8>)>::new(), Vec::new());
        let mut released = 0;
        for action in actions {
            match action {
                Action::Append(body) => {
                    let position = append(&mut log, &body).expect("it is large");
                    pending.push((position, body));
                }
                Action::Commit => {
                    log.commit().expect("the disk works");
                    kept.append(&mut pending);
                }
                Action::CommitFailing => {
                    disk.fail_sync_after(0);
                    let failed = log.commit().is_err();
                    prop_assert_eq!(failed, !pending.is_empty());
                    disk.fail_sync_after(u32::MAX);
                }
                Action::CommitCrowded(room) => {
                    let used: usize = disk.list().expect("it works").iter().map(|name| disk.bytes(name).len()).sum();
                    disk.set_capacity(Some(used + room));
                    if log.commit().is_ok() {
                        kept.append(&mut pending);
                    }
                    disk.set_capacity(None);
                }
                Action::Release(index, synced) => {
                    if !kept.is_empty() {
                        let index = index.index(kept.len());
                        released = kept[index].0;
                        match synced {
                            true => log.release(released),
                            false => log.remove_before(released),
                        }
                        .expect("the disk works");
                        kept.drain(..index);
                    }
                }
                Action::Kill | Action::CutPower(_) => {
                    match action {
                        Action::CutPower(seed) => disk.cut_power(coin(seed)),
                        _ => disk.kill(),
                    }
                    (log, _) = open(&disk, released);
                    let found = read_from(&log, released);
                    prop_assert_eq!(found.get(..kept.len()), Some(&kept[..]));
                    // What is there beyond was on its way, each record whole; of a torn write some are.
                    let mut on_its_way = pending.iter();
                    for further in &found[kept.len()..] {
                        prop_assert!(on_its_way.any(|sent| sent == further), "{:?}", further);
                    }
                    kept = found;
                    pending.clear();
                }
            }
            prop_assert_eq!(read_from(&log, released), kept.clone());
        }
    }
}

/// A record is for the lanes it was appended for, by name, whatever numbers a later process gives them.
#[test]
fn lanes_are_known_by_name() {
    let disk = SimDisk::default();
    let (mut log, _) = open(&disk, 0);
    for mask in [0b01, 0b10, 0b11] {
        log.append(Signal::Logs, 1, mask, 0, 1, [b"x".as_slice()].into_iter())
            .expect("room");
    }
    log.commit().expect("the disk works");
    let turned = vec!["b".to_owned(), "c".to_owned(), "a".to_owned()];
    let mut seen = Vec::new();
    let (log, recovered) = Log::open(disk.clone(), SIZES, turned, 0, |header, is_for| {
        seen.push((header.position, ["a", "b", "c"].map(is_for)));
    })
    .expect("the disk works");
    assert_eq!(
        seen,
        [
            (0, [true, false, false]),
            (41, [false, true, false]),
            (82, [true, true, false])
        ]
    );
    assert_eq!(
        (recovered.records, recovered.items, recovered.unreadable),
        (3, 3, 0)
    );
    let first = log.read(0).expect("the disk works").expect("a record");
    assert!(first.is_for("a") && !first.is_for("b"));
}

/// Damage anywhere in a segment, its header included, costs at most the records that it touches.
#[test]
fn damage_costs_what_it_touches() {
    let disk = SimDisk::default();
    let (mut log, _) = open(&disk, 0);
    let bodies: [&[u8]; 3] = [b"one", b"two", b"three"];
    for body in bodies {
        append(&mut log, body).expect("room");
    }
    log.commit().expect("the disk works");
    let all = read_from(&log, 0);
    let name = Head::file_name(0);
    let header_len = disk.bytes(&name).len() - log.bytes() as usize;
    for at in 0..disk.bytes(&name).len() {
        disk.flip(&name, at, 0x41);
        let (log, _) = open(&disk, 0);
        let hit = at.checked_sub(header_len).map(|at| {
            let at = at as u64;
            all.iter()
                .rposition(|(position, _)| *position <= at)
                .expect("within a record")
        });
        let expected: Vec<_> = (0..3)
            .filter(|index| Some(*index) != hit)
            .map(|index| all[index].clone())
            .collect();
        assert_eq!(read_from(&log, 0), expected, "byte {at}");
        disk.flip(&name, at, 0x41);
    }
}

/// A log of a later version is refused and left as it is.
#[test]
fn a_later_version_is_left_alone() {
    let disk = SimDisk::default();
    let (mut log, _) = open(&disk, 0);
    append(&mut log, b"body").expect("room");
    log.commit().expect("the disk works");
    let name = Head::file_name(0);
    let mut later = disk.bytes(&name);
    later[8] = 9;
    let header_len = Head::len_of(&later).expect("a header");
    let sum = crc32c::crc32c_append(crc32c::crc32c(&later[8..12]), &later[16..header_len]);
    later[12..16].copy_from_slice(&sum.to_le_bytes());
    disk.put(&name, &later);
    let before = disk.bytes(&name);
    let refused = Log::open(disk.clone(), SIZES, lanes(), 0, |_, _| {});
    assert!(matches!(refused, Err(LogError::Newer(9))));
    assert_eq!(disk.bytes(&name), before);
}

/// The log takes what it has room for, and has room again when segments are released.
#[test]
fn a_full_log_has_room_when_it_is_released() {
    let disk = SimDisk::default();
    let sizes = Sizes { max: 1000, ..SIZES };
    let (mut log, _) = Log::open(disk, sizes, lanes(), 0, |_, _| {}).expect("the disk works");
    let mut taken = 0;
    while append(&mut log, &[7; 60]).is_ok() {
        log.commit().expect("the disk works");
        taken += 1;
    }
    assert_eq!(taken, 10);
    let (end, oldest) = log
        .oldest()
        .expect("the disk works")
        .expect("several segments");
    assert_eq!(oldest.len(), 3);
    log.release(end).expect("the disk works");
    assert_eq!(log.start(), end);
    assert!(append(&mut log, &[7; 60]).is_ok());
    log.commit().expect("the disk works");
    log.release(log.end()).expect("the disk works");
    assert_eq!(log.bytes(), 0);
}
