//! What was decided of late, for spans that come after their session was decided. Pure.
//!
//! Holds: at most [`REMEMBERED`] decisions, about 60 bytes each. Only of sessions that came from
//! elsewhere, or that a user's own sampler judged: sessions of this pipeline remember theirs themselves,
//! for as long as anybody has a hand on them.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::chunk::SessionKey;
use crate::model::sampling::plan::{Decision, Plan};

/// How many decisions are remembered at least.
pub(super) const REMEMBERED: usize = 65_536;

/// Two generations: when the young is full, the old is forgotten.
#[derive(Debug, Default)]
pub(super) struct Recent {
    young: HashMap<SessionKey, Remembered>,
    old: HashMap<SessionKey, Remembered>,
}

/// What was decided, and by whose policies: they count what comes late.
#[derive(Debug)]
struct Remembered {
    bits: u64,
    plan: Arc<Plan>,
}

impl Recent {
    pub(super) fn remember(&mut self, session: SessionKey, decision: Decision, plan: Arc<Plan>) {
        if self.young.len() >= REMEMBERED {
            self.old = std::mem::take(&mut self.young);
        }
        let bits = decision.bits();
        self.young.insert(session, Remembered { bits, plan });
    }

    /// What was decided; it is remembered for longer for being asked for.
    pub(super) fn get(&mut self, session: SessionKey) -> Option<(Decision, Arc<Plan>)> {
        if let Some(known) = self.young.get(&session) {
            return Some((Decision::from_bits(known.bits), Arc::clone(&known.plan)));
        }
        let Remembered { bits, plan } = self.old.remove(&session)?;
        let decision = Decision::from_bits(bits);
        self.remember(session, decision, Arc::clone(&plan));
        Some((decision, plan))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::TraceId;
    use crate::model::sampling::Sampling;
    use crate::model::sampling::threshold::Threshold;

    fn key(number: u64) -> SessionKey {
        let bytes = (u128::from(number) + 1).to_be_bytes();
        SessionKey(TraceId::from_bytes(bytes).expect("not zero"))
    }

    /// The last decisions are remembered whole, older ones are forgotten, and memory is bounded.
    #[test]
    fn the_last_decisions_are_remembered() {
        let mut recent = Recent::default();
        let plan = Arc::new(Plan::new(&Sampling::default(), None).expect("right"));
        let get =
            |recent: &mut Recent, number| recent.get(key(number)).map(|(decision, _)| decision);
        let decision = |number: u64| Decision {
            keep: true,
            threshold: Threshold::from_bits(number),
            policy: (number % 120) as u8,
        };
        let count = 3 * REMEMBERED as u64;
        for number in 0..count {
            recent.remember(key(number), decision(number), Arc::clone(&plan));
            assert_eq!(
                get(&mut recent, 0),
                Some(decision(0)),
                "who is asked for stays"
            );
        }
        for number in count - REMEMBERED as u64 + 1..count {
            assert_eq!(get(&mut recent, number), Some(decision(number)));
        }
        assert_eq!(get(&mut recent, 1), None);
        assert!(recent.young.len() + recent.old.len() <= 2 * REMEMBERED);
    }
}
