//! Makes policies ready, and finds all that is wrong with them.

use super::super::Check;
use super::super::bucket::Buckets;
use super::super::node::{DEEPEST, Node};
use super::super::policy::{Action, Policy, Rate};
use super::super::scan::Scan;
use super::{MOST_POLICIES, REST, Ready, Then};

/// A plan that is being made.
#[derive(Default)]
pub(super) struct Making {
    pub(super) check: Check,
    pub(super) scans: Vec<Scan>,
    pub(super) rates: Vec<Buckets>,
    pub(super) names: Vec<String>,
    pub(super) asks_about: bool,
}

impl Making {
    pub(super) fn list(
        &mut self,
        policies: &[Policy],
        path: &str,
        within: &str,
        depth: usize,
    ) -> Box<[Ready]> {
        let ready = policies.iter().enumerate().map(|(index, policy)| {
            let path = format!("{path}[{index}]");
            self.policy(policy, &path, within, depth)
        });
        ready.collect()
    }

    fn policy(&mut self, policy: &Policy, path: &str, within: &str, depth: usize) -> Ready {
        self.check.at(path);
        if depth > DEEPEST {
            self.check
                .wrong(format!("nests deeper than {DEEPEST}; give fewer levels"));
            let then = Then::Keep;
            return Ready {
                number: 0,
                when: Node::Always,
                then,
                at_most: None,
            };
        }
        let number = self.names.len();
        let name = match &*policy.name {
            "" => format!("{within}policy {}", number + 1),
            name => format!("{within}{name}"),
        };
        if self.names.contains(&name) || name == REST {
            self.check.wrong(format!(
                "the name \"{name}\" is taken; give each policy its own"
            ));
        }
        self.names.push(name.clone());
        self.check.at(format!("{path}.when"));
        let when = Node::new(&policy.when, &mut self.scans, &mut self.check, 0);
        self.asks_about |= when.asks_about();
        self.check.at(format!("{path}.then"));
        let then = match &policy.then {
            Action::Keep => Then::Keep,
            Action::Drop => Then::Drop,
            Action::Share(share) => {
                self.share(*share);
                Then::Share(*share)
            }
            Action::AtLeast(rate) => Then::AtLeast(self.rate(rate, &format!("{path}.then"))),
            Action::First(policies) => {
                if policies.is_empty() {
                    self.check.wrong("has no policies; give one at least");
                }
                let within = format!("{name}/");
                Then::First(self.list(policies, &format!("{path}.then"), &within, depth + 1))
            }
        };
        let rate = policy.at_most.as_ref();
        let at_most = rate.map(|rate| self.rate(rate, &format!("{path}.at_most")));
        Ready {
            number: number.min(MOST_POLICIES) as u8,
            when,
            then,
            at_most,
        }
    }

    pub(super) fn share(&mut self, share: f64) {
        if !(0.0..=1.0).contains(&share) {
            self.check.wrong(format!(
                "the ratio is {share}; give a number from 0.0 to 1.0"
            ));
        }
    }

    pub(super) fn rate(&mut self, rate: &Rate, path: &str) -> usize {
        self.check.at(path);
        if !rate.count.is_finite() || rate.count <= 0.0 {
            let count = rate.count;
            self.check.wrong(format!(
                "the rate is {count}; give a number above 0, as in Rate::per_second(50)"
            ));
        }
        if rate.every.is_zero() {
            self.check
                .wrong("the time is zero; give one, as in Rate::new(50.0, Duration::from_secs(1))");
        }
        if rate
            .burst
            .is_some_and(|burst| !burst.is_finite() || burst < 1.0)
        {
            self.check
                .wrong("the burst is below 1; give a number from 1.0, or none");
        }
        self.asks_about |= rate.per.is_some();
        self.rates.push(Buckets::new(rate));
        self.rates.len() - 1
    }
}
