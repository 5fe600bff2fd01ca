//! Who acts: the actors, one folder or file each.

pub(crate) mod apart;
pub(crate) mod batcher;
pub(crate) mod baton;
pub(crate) mod clock;
pub(crate) mod deadline;
pub(crate) mod exporter;
pub(crate) mod fork;
pub(crate) mod intake;
pub(crate) mod mailbox;
pub(crate) mod notice;
pub(crate) mod own_thread;
pub(crate) mod pool;
pub(crate) mod processor;
pub(crate) mod road;
pub(crate) mod run;
pub(crate) mod sampler;
pub(crate) mod session;
#[cfg_attr(
    not(feature = "spool"),
    expect(dead_code, reason = "without the feature there is no disk behind it")
)]
pub(crate) mod spool;
