//! `spanreel load`: what a load test is made of.

pub mod args;
pub mod histogram;
pub mod pace;
pub mod plot;
pub mod report;
pub mod series;
pub mod units;
pub mod usage;
pub mod workload;
