//! Sources of the spool as they are, and what they name beside them.

#[path = "../../../../src/actors/spool/circuit.rs"]
pub(crate) mod circuit;
#[path = "../../../../src/actors/spool/desk.rs"]
pub(crate) mod desk;
#[path = "../../../../src/actors/spool/settled.rs"]
pub(crate) mod settled;
#[path = "../../../../src/actors/spool/shelf.rs"]
pub(crate) mod shelf;

/// What the sampler notes: nothing here.
pub(crate) mod notes {
    #[derive(Debug)]
    pub(crate) struct Notes;
}

/// What the quarantine is asked: nothing here.
pub(crate) mod quarantine {
    #[derive(Debug)]
    pub(crate) struct Asked;
}
