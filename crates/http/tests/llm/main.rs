//! Calls of models, from outside: recorded exchanges, hostile answers, clients.

mod behaviour;
mod exchange;
mod expected;
mod hostile;
mod recordings;
mod rig;
