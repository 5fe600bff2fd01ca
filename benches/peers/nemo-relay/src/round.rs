//! Rounds: every contestant traces all calls, one after the other, again and again.

use std::sync::Arc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use spanreel::Content;

use crate::calls::Recorded;
use crate::ours::Ours;
use crate::theirs::Theirs;

/// A turn takes about as long.
const TURN: Duration = Duration::from_millis(60);

pub(crate) struct Contestants {
    pub(crate) off: Ours,
    content: Ours,
    pub(crate) theirs: Theirs,
}

/// What one of them does with all calls, and settles.
struct Turn<'a> {
    name: &'static str,
    run: Box<dyn Fn(usize) + 'a>,
}

impl Contestants {
    pub(crate) fn new() -> Self {
        Self {
            off: Ours::new(Content::Off),
            content: Ours::new(Content::Spans),
            theirs: Theirs::new(),
        }
    }

    pub(crate) fn finish(self) {
        self.off.finish();
        self.content.finish();
    }

    fn turns<'a>(&'a self, calls: &'a [Arc<Recorded>]) -> [Turn<'a>; 4] {
        let ours = |ours: &'a Ours| {
            Box::new(move |times: usize| {
                for _ in 0..times {
                    for call in calls {
                        ours.call(call);
                    }
                }
                ours.settle();
            })
        };
        [
            Turn {
                name: "spanreel",
                run: ours(&self.off),
            },
            Turn {
                name: "spanreel, with content",
                run: ours(&self.content),
            },
            Turn {
                name: "nemo-relay, codecs alone",
                run: Box::new(move |times: usize| {
                    for call in calls.iter().cycle().take(times * calls.len()) {
                        std::hint::black_box(Theirs::read(call)).expect("it was read before");
                    }
                }),
            },
            Turn {
                name: "nemo-relay, managed call",
                run: Box::new(move |times: usize| {
                    for call in calls.iter().cycle().take(times * calls.len()) {
                        self.theirs.call(call).expect("it was read before");
                    }
                    self.theirs.settle();
                }),
            },
        ]
    }

    /// Prints what a call and an event cost each of them.
    pub(crate) fn measure(&self, title: &str, calls: &[Arc<Recorded>], rounds: usize) {
        let chunks: usize = calls.iter().map(|it| it.chunks.len()).sum();
        let bytes: usize = calls.iter().flat_map(|it| &it.chunks).map(Vec::len).sum();
        println!(
            "\n{title}: {} calls, {chunks} chunks, {bytes} bytes",
            calls.len()
        );
        let turns = self.turns(calls);
        // As often as fills a turn, for each of them; this warms them up, too.
        let times = turns.each_ref().map(|turn| {
            let once = cpu_of(|| (turn.run)(1)).as_secs_f64().max(1e-6);
            (TURN.as_secs_f64() / once).ceil() as usize
        });
        let mut taken = vec![[0.0; 4]; rounds];
        for round in &mut taken {
            for (at, turn) in turns.iter().enumerate() {
                round[at] = cpu_of(|| (turn.run)(times[at])).as_secs_f64() / times[at] as f64;
            }
        }
        for (at, turn) in turns.iter().enumerate() {
            let seconds = median(taken.iter().map(|round| round[at]));
            let ratio = median(taken.iter().map(|round| round[at] / round[0]));
            println!(
                "  {:26} {:8.2} us a call {:8.2} us a chunk {:7.1} MB/s {ratio:6.2}x",
                turn.name,
                seconds * 1e6 / calls.len() as f64,
                seconds * 1e6 / chunks as f64,
                bytes as f64 / seconds / 1e6,
            );
        }
    }
}

fn cpu_of(work: impl FnOnce()) -> Duration {
    let before = cpu();
    work();
    cpu() - before
}

/// The CPU time of the process, all threads.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        time.tv_sec.unsigned_abs(),
        u32::try_from(time.tv_nsec).expect("below a second"),
    )
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
