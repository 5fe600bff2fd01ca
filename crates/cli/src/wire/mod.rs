//! What the wire looks like from the side of a receiver, shared by the null receiver (`sink`) and
//! the real one (`receive`): protocols, paths, packing, gRPC's framing, and how errors are said.

pub(crate) mod inflate;
pub(crate) mod prefix;
pub(crate) mod protocol;
pub(crate) mod reply;
