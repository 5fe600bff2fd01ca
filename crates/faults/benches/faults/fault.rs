//! What happens to the backend, and to the program.

use std::time::Duration;

use spanreel_faults::Manner;

/// What happens in a round.
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    /// What the backend does from these moments on.
    pub(crate) backend: &'static [(Duration, Manner)],
    /// When the program is killed, if it is.
    pub(crate) killed: Option<Duration>,
}

const fn at(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

const fn fault(name: &'static str, backend: &'static [(Duration, Manner)]) -> Fault {
    Fault {
        name,
        backend,
        killed: None,
    }
}

const SLOWLY: Manner = Manner::Slow(at(1000));
const UNAVAILABLE: Manner = Manner::Status(503, None);

/// All of them.
pub(crate) const FAULTS: [Fault; 9] = [
    fault("none", &[(at(0), Manner::Accepts)]),
    fault(
        "backend away for the first 2 s",
        &[(at(0), Manner::Refuses), (at(2000), Manner::Accepts)],
    ),
    fault(
        "backend restarted, away for 2 s",
        &[
            (at(0), Manner::Accepts),
            (at(1000), Manner::Refuses),
            (at(3000), Manner::Accepts),
        ],
    ),
    fault(
        "backend answers 503 for 2 s",
        &[(at(0), UNAVAILABLE), (at(2000), Manner::Accepts)],
    ),
    fault("backend takes 1 s for each request", &[(at(0), SLOWLY)]),
    fault(
        "backend never answers, for 4 s",
        &[(at(0), Manner::Hangs), (at(4000), Manner::Accepts)],
    ),
    fault(
        "connections are reset after the data for 2 s",
        &[(at(0), Manner::ResetsAfter), (at(2000), Manner::Accepts)],
    ),
    fault(
        "backend away from 2 s on, also at the shutdown",
        &[(at(0), Manner::Accepts), (at(2000), Manner::Refuses)],
    ),
    Fault {
        name: "kill -9 after 3 s, backend away from 1 s on",
        backend: &[(at(0), Manner::Accepts), (at(1000), Manner::Refuses)],
        killed: Some(at(3000)),
    },
];
