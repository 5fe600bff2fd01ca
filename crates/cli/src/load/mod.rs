//! `spanreel load`: what a load test is made of.

pub mod args;
pub mod endpoint;
pub mod histogram;
pub mod pace;
pub mod plan;
pub mod plot;
pub mod report;
pub mod series;
pub mod step;
pub mod units;
pub mod usage;
pub mod workload;
