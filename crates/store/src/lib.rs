//! Sessions of agents, kept on this machine.
mod answer;
mod error;
mod facts;
mod wire;
