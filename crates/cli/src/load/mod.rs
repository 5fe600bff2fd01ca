//! `spanreel load`: what a load test is made of.

pub mod histogram;
pub mod pace;
pub mod plot;
pub mod series;
pub mod units;
pub mod usage;
pub mod workload;
