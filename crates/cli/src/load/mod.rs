//! `spanreel load`: what a load test is made of.

pub mod against;
pub mod args;
mod drive;
pub mod histogram;
pub mod meter;
pub mod pace;
pub mod plan;
mod player;
pub mod plot;
mod progress;
pub mod receiver;
pub mod report;
mod run;
pub mod series;
pub mod step;
pub mod usage;
pub mod workload;

pub use run::run;
