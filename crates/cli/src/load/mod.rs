//! `spanreel load`: what a load test is made of.

pub mod args;
pub mod histogram;
pub mod pace;
pub mod plan;
pub mod plot;
pub mod report;
pub mod series;
pub mod step;
pub mod usage;
pub mod workload;
