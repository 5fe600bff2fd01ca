//! Who acts: the actors, one folder or file each.

pub(crate) mod exporter;
pub(crate) mod sampler;
