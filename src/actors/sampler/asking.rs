//! Sessions that a sampler of the user's own judges: each is held, and asked about when something of it comes.
//!
//! Waits: for the thread that asks. Loses: nothing.

use super::Sampler;
use super::own::{SessionFacts, Verdict};
use super::window::Place;
use crate::model::chunk::Chunk;
use crate::model::sampling::case::Judged;
use crate::model::sampling::plan::Decision;
use crate::model::sampling::threshold::Threshold;

impl Sampler {
    /// Holds chunks for the user's sampler, and asks it.
    pub(super) async fn take_in_for_own(&mut self, chunks: Vec<Chunk>, out: &mut Vec<Chunk>) {
        let mut asked: Vec<u32> = Vec::new();
        let mut are_own: Vec<bool> = Vec::new();
        let now_ns = self.now_ns();
        for chunk in chunks {
            let is_own = !matches!(chunk.judged, Judged::ByKey);
            let slot = match self.window.find_key(chunk.session) {
                Place::Decided(decision, _) => {
                    self.follow(chunk, &decision, Threshold::KEEP_ALL, out);
                    continue;
                }
                Place::Held(slot) => slot,
                Place::New => {
                    let who = self.keyed(&chunk);
                    self.window.open(who, now_ns)
                }
            };
            self.learn(slot, &chunk);
            // What is decided at once is never copied.
            self.window.hold(slot, chunk, is_own, true);
            if !asked.contains(&slot) {
                asked.push(slot);
                are_own.push(is_own);
            }
        }
        self.ask(asked.clone(), false, out).await;
        for (slot, is_own) in asked.into_iter().zip(are_own) {
            self.note_held(slot, is_own);
            self.window.set_apart(slot, is_own);
        }
    }

    /// Has the user's sampler judge these sessions.
    pub(super) async fn ask(&mut self, slots: Vec<u32>, last_chance: bool, out: &mut Vec<Chunk>) {
        let Some(own) = &mut self.own else {
            return;
        };
        let window = &self.window;
        let held = slots
            .into_iter()
            .filter_map(|slot| Some((slot, window.get(slot)?)));
        let facts = held.map(|(slot, held)| (slot, SessionFacts::new(&held.digest, last_chance)));
        let (slots, facts): (Vec<u32>, Vec<SessionFacts>) = facts.unzip();
        if facts.is_empty() {
            return;
        }
        let verdicts = own.ask(facts).await;
        for (slot, verdict) in slots.into_iter().zip(verdicts) {
            let decision = match verdict {
                Verdict::Keep => Decision::kept(true),
                Verdict::Drop => Decision::kept(false),
                Verdict::Wait => continue,
            };
            for chunk in self.decide(slot, decision) {
                self.follow(chunk, &decision, Threshold::KEEP_ALL, out);
            }
        }
    }
}
