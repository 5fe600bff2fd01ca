//! Reads requests and gathers their items by session.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use spanreel::view::{LogView, RequestView, SpanView};
use spanreel::{Request, Signal, TraceId};

use crate::error::StoreError;
use crate::facts::{Bones, Facts, Name};
use crate::wire::{Group, Origin, groups, put_group};

/// A span with all that is known of it.
pub(crate) struct SpanItem<'a> {
    pub(crate) origin: usize,
    pub(crate) bytes: &'a [u8],
    pub(crate) view: SpanView<'a>,
    pub(crate) bones: Bones<'a>,
    pub(crate) facts: Facts<'a>,
}

/// A log record with all that is known of it.
pub(crate) struct LogItem<'a> {
    pub(crate) origin: usize,
    pub(crate) bytes: &'a [u8],
    pub(crate) view: LogView<'a>,
    pub(crate) facts: Facts<'a>,
}

/// What came of one session.
pub(crate) struct Arrived<'a> {
    pub(crate) name: Name,
    pub(crate) spans: Vec<SpanItem<'a>>,
    pub(crate) logs: Vec<LogItem<'a>>,
}

/// What came, by session.
#[derive(Default)]
pub(crate) struct Gathered<'a> {
    pub(crate) sessions: Vec<Arrived<'a>>,
    /// Whose traces are named by a session here.
    pub(crate) named: HashMap<TraceId, usize>,
    /// Items of no session.
    pub(crate) of_no_session: u64,
    index: HashMap<Name, usize>,
}

/// The most bytes that origins of one request may have beyond those of the request: each of a resource's scopes
/// is stored with the resource. Some thousand scopes of usual resources have room in it.
const MOST_REPEATED: usize = 16 << 20;

/// Where items come from: a resource and a scope in it.
pub(crate) struct Source {
    /// The number of the resource.
    pub(crate) resource: usize,
    pub(crate) origin: Origin,
}

/// A resource, once for all of its scopes.
pub(crate) struct Resource {
    /// A request without items that has this resource: what a view of it can be had of.
    pub(crate) empty: Vec<u8>,
}

impl Resource {
    fn new(bytes: &Arc<[u8]>) -> Self {
        let (resource, scope) = (Arc::clone(bytes), Vec::new());
        Self {
            empty: empty(&Origin { resource, scope }),
        }
    }

    /// What the resource says.
    pub(crate) fn facts(&self) -> Facts<'_> {
        let mut facts = Facts::default();
        if let Ok(view) = RequestView::new(Signal::Traces, &self.empty)
            && let Some(group) = view.resources().next()
        {
            facts.note_all(group.resource().attributes());
        }
        facts
    }
}

/// A request with this resource and scope and no items.
pub(crate) fn empty(origin: &Origin) -> Vec<u8> {
    let mut request = Vec::new();
    put_group(&mut request, origin, []);
    request
}

/// What is stored of requests, each in one piece.
pub(crate) fn bodies(requests: &[Request]) -> Vec<(Signal, Bytes)> {
    let taken = requests.iter().filter(|it| it.signal() != Signal::Metrics);
    taken.map(|it| (it.signal(), it.to_bytes())).collect()
}

/// Requests, split by origin.
pub(crate) struct Split<'a> {
    pub(crate) resources: Vec<Resource>,
    pub(crate) sources: Vec<Source>,
    groups: Vec<(Signal, usize, Vec<&'a [u8]>)>,
}

impl<'a> Split<'a> {
    /// Splits requests, each given as one piece.
    ///
    /// # Errors
    /// One of them is no OTLP, or says too much by repeating it: [`StoreError::Repeated`].
    pub(crate) fn new(requests: &'a [(Signal, Bytes)]) -> Result<Self, StoreError> {
        let mut split = Self {
            resources: Vec::new(),
            sources: Vec::new(),
            groups: Vec::new(),
        };
        let mut resources: HashMap<Arc<[u8]>, usize> = HashMap::new();
        // By resource and scope: a resource is hashed once, however many scopes it has.
        let mut known: HashMap<(usize, Vec<u8>), usize> = HashMap::new();
        for (signal, request) in requests {
            let most = request.len().saturating_add(MOST_REPEATED);
            let mut bytes = 0_usize;
            let mut last: Option<(Arc<[u8]>, usize)> = None;
            for Group { origin, items } in groups(request)? {
                let resource = match &last {
                    Some((bytes, number)) if Arc::ptr_eq(bytes, &origin.resource) => *number,
                    _ => split.resource(&mut resources, &origin.resource),
                };
                last = Some((Arc::clone(&origin.resource), resource));
                let next = split.sources.len();
                let source =
                    *known
                        .entry((resource, origin.scope))
                        .or_insert_with_key(|(_, scope)| {
                            bytes = bytes.saturating_add(origin.resource.len() + scope.len());
                            let (bytes, scope) = (Arc::clone(&origin.resource), scope.clone());
                            split.sources.push(Source {
                                resource,
                                origin: Origin {
                                    resource: bytes,
                                    scope,
                                },
                            });
                            next
                        });
                if bytes > most {
                    return Err(StoreError::Repeated { limit: most });
                }
                split.groups.push((*signal, source, items));
            }
        }
        Ok(split)
    }

    /// The number of a resource.
    fn resource(&mut self, known: &mut HashMap<Arc<[u8]>, usize>, bytes: &Arc<[u8]>) -> usize {
        let next = self.resources.len();
        *known.entry(Arc::clone(bytes)).or_insert_with_key(|bytes| {
            self.resources.push(Resource::new(bytes));
            next
        })
    }
}

impl<'a> Gathered<'a> {
    /// Reads all items. `of_resources` is what each resource says.
    pub(crate) fn new(split: &Split<'a>, of_resources: &[Facts<'_>]) -> Result<Self, StoreError> {
        let mut gathered = Self::default();
        for (signal, source, items) in &split.groups {
            let resource = of_resources[split.sources[*source].resource].session();
            for bytes in items {
                match signal {
                    Signal::Traces => gathered.span(*source, resource, bytes)?,
                    Signal::Logs => gathered.log(*source, resource, bytes)?,
                    _ => {}
                }
            }
        }
        gathered.join_traces();
        Ok(gathered)
    }

    fn span(
        &mut self,
        origin: usize,
        resource: Option<&str>,
        bytes: &'a [u8],
    ) -> Result<(), StoreError> {
        let view = SpanView::new(bytes)?;
        let Some(bones) = Bones::of(&view) else {
            self.of_no_session += 1;
            return Ok(());
        };
        let facts = Facts::of_span(&view);
        let name = name(facts.session().or(resource), Some(bones.trace));
        let Some(session) = name.map(|name| self.session(name, Some(bones.trace))) else {
            return Ok(());
        };
        self.sessions[session].spans.push(SpanItem {
            origin,
            bytes,
            view,
            bones,
            facts,
        });
        Ok(())
    }

    fn log(
        &mut self,
        origin: usize,
        resource: Option<&str>,
        bytes: &'a [u8],
    ) -> Result<(), StoreError> {
        let view = LogView::new(bytes)?;
        let facts = Facts::of_log(&view);
        let Some(name) = name(facts.session().or(resource), view.trace_id()) else {
            self.of_no_session += 1;
            return Ok(());
        };
        let session = self.session(name, view.trace_id());
        self.sessions[session].logs.push(LogItem {
            origin,
            bytes,
            view,
            facts,
        });
        Ok(())
    }

    fn session(&mut self, name: Name, trace: Option<TraceId>) -> usize {
        let next = self.sessions.len();
        let is_named = matches!(name, Name::Id(_));
        let session = match self.index.get(&name) {
            Some(session) => *session,
            None => {
                self.index.insert(name.clone(), next);
                self.sessions.push(Arrived {
                    name,
                    spans: Vec::new(),
                    logs: Vec::new(),
                });
                next
            }
        };
        if let Some(trace) = trace.filter(|_| is_named) {
            self.named.entry(trace).or_insert(session);
        }
        session
    }

    /// What names no session is of that which others in its trace name.
    fn join_traces(&mut self) {
        for from in 0..self.sessions.len() {
            let Name::Trace(trace) = self.sessions[from].name else {
                continue;
            };
            let Some(&to) = self.named.get(&trace) else {
                continue;
            };
            let spans = std::mem::take(&mut self.sessions[from].spans);
            let logs = std::mem::take(&mut self.sessions[from].logs);
            self.sessions[to].spans.extend(spans);
            self.sessions[to].logs.extend(logs);
        }
        self.sessions
            .retain(|it| !it.spans.is_empty() || !it.logs.is_empty());
        self.named.clear();
        self.index.clear();
        for (session, arrived) in self.sessions.iter().enumerate() {
            if matches!(arrived.name, Name::Id(_)) {
                for span in &arrived.spans {
                    self.named.entry(span.bones.trace).or_insert(session);
                }
            }
        }
    }
}

/// What names the session of an item.
fn name(id: Option<&str>, trace: Option<TraceId>) -> Option<Name> {
    match id {
        Some(id) => Some(Name::Id(id.to_owned())),
        None => trace.map(Name::Trace),
    }
}
