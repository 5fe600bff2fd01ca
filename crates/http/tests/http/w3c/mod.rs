//! What the W3C's validation suites of Trace Context (levels 1 and 2) and Baggage ask of a service,
//! asked of the example `w3c_service` over the wire: a harness sends requests with all kinds of
//! headers, and sees with which headers the service calls back.

mod baggage;
mod harness;
mod trace_context;
