//! Reads the blocks of a session: as lists of spans and logs, as single spans, as OTLP.

mod log;
mod span;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use spanreel::view::{LogView, RequestView, SpanView};
use spanreel::{Request, Signal, SpanId};

use self::log::log;
use self::span::{begun, span, whole};
use crate::answer::{Attribute, Detail, Log, Page, Part, Scope, Span, WholeSpan};
use crate::block::items;
use crate::error::StoreError;
use crate::facts::Bones;
use crate::gather::empty;
use crate::identity::{identity, identity_of_log};
use crate::json;
use crate::outline::{Outline, Outliner, Place};
use crate::query::Patience;
use crate::store::{Document, News, Seen};
use crate::tale::Tale;
use crate::wire::{Origin, put_group};

/// Pages of spans are at most so long.
pub(crate) const MOST_SPANS: usize = 10_000;

/// How many spans are read between two looks at the clock.
const LOOK: usize = 4_096;

/// The unpacked blocks of a session, with the origins of what is in them.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    pub(crate) spans: Vec<Vec<u8>>,
    pub(crate) logs: Vec<Vec<u8>>,
    pub(crate) origins: HashMap<i64, Arc<Origin>>,
}

impl Blocks {
    /// Where the spans of these blocks lie.
    pub(crate) fn outline(&self, patience: &Patience) -> Result<Outline, StoreError> {
        let mut outliner = Outliner::default();
        for (number, block) in self.spans.iter().enumerate() {
            outliner.block(number, block, patience)?;
        }
        Ok(outliner.outline())
    }

    /// A span of an outline. The block that it lies in is here.
    fn view(&self, place: &Place) -> Result<(SpanView<'_>, Bones<'_>), StoreError> {
        const MISSING: StoreError = StoreError::Damaged("a block is missing");
        let block = self.spans.get(place.block as usize).ok_or(MISSING)?;
        let view = SpanView::new(place.bytes(block)?)?;
        let bones = Bones::of(&view).ok_or(StoreError::Damaged("a span has no id"))?;
        Ok((view, bones))
    }

    /// A page of spans, those that are open at the end of the last page.
    pub(crate) fn spans(
        &self,
        outline: &Outline,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<Page<Span>, StoreError> {
        let (range, next) = outline.page(limit.clamp(1, MOST_SPANS), cursor)?;
        let mut items: Vec<Span> = Vec::with_capacity(range.len());
        for place in outline.places(range) {
            let (view, bones) = self.view(place)?;
            let mut span = span(&view, &bones);
            span.agent = outline.agent(place).map(str::to_owned);
            items.push(span);
        }
        if next.is_none() {
            items.extend(self.open(outline.ids().collect())?);
        }
        Ok(Page {
            items,
            next,
            total: Some(outline.len() as u64),
            total_at_least: None,
        })
    }

    /// A page of spans with everything.
    pub(crate) fn whole_spans(
        &self,
        outline: &Outline,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<Page<WholeSpan>, StoreError> {
        let (range, next) = outline.page(limit.clamp(1, MOST_SPANS), cursor)?;
        let mut items = Vec::with_capacity(range.len());
        for index in range {
            items.push(self.whole_span(outline, index)?);
        }
        Ok(Page {
            items,
            next,
            total: Some(outline.len() as u64),
            total_at_least: None,
        })
    }

    /// The span with this number in the order, with everything.
    pub(crate) fn whole_span(
        &self,
        outline: &Outline,
        index: usize,
    ) -> Result<WholeSpan, StoreError> {
        let place = &outline.places(index..index + 1)[0];
        let (view, bones) = self.view(place)?;
        let mut of_list = span(&view, &bones);
        of_list.agent = outline.agent(place).map(str::to_owned);
        let (resource, scope) = self.origin(place.origin)?;
        Ok(whole(&view, of_list, resource, scope))
    }

    /// Spans that a log record says have begun, and that have not ended.
    fn open(&self, mut known: HashSet<SpanId>) -> Result<Vec<Span>, StoreError> {
        let mut open = Vec::new();
        for block in &self.logs {
            for (_, bytes) in items(block)? {
                if let Some((id, span)) = begun(&LogView::new(bytes)?)
                    && known.insert(id)
                {
                    open.push(span);
                }
            }
        }
        open.sort_by_key(|span| span.start_us);
        Ok(open)
    }

    /// What is in these blocks and not in `seen`, where it will be from now on.
    pub(crate) fn news(&self, seen: &mut Seen, patience: &Patience) -> Result<News, StoreError> {
        let mut news = News::default();
        let outline = self.outline(patience)?;
        for place in outline.places(0..outline.len()) {
            let (view, bones) = self.view(place)?;
            if seen.items.insert(identity(bones.trace, bones.id)) {
                let mut span = span(&view, &bones);
                span.agent = outline.agent(place).map(str::to_owned);
                news.spans.push(span);
            }
        }
        let ended: HashSet<SpanId> = outline.ids().collect();
        for block in &self.logs {
            for (_, bytes) in items(block)? {
                if !seen.items.insert(identity_of_log(bytes)) {
                    continue;
                }
                let view = LogView::new(bytes)?;
                if let Some((_, span)) = begun(&view).filter(|(id, _)| !ended.contains(id)) {
                    news.spans.push(span);
                }
                news.logs.push(log(&view));
            }
        }
        Ok(news)
    }

    /// All of a session.
    pub(crate) fn document(
        &self,
        session: Detail,
        patience: &Patience,
    ) -> Result<Document, StoreError> {
        let outline = self.outline(patience)?;
        let mut spans = Vec::with_capacity(outline.len());
        for index in 0..outline.len() {
            if index % LOOK == 0 {
                patience.check()?;
            }
            spans.push(self.whole_span(&outline, index)?);
        }
        Ok(Document {
            session,
            spans,
            story: crate::messages::story(self, patience)?,
            logs: self.logs(patience)?,
        })
    }

    /// What is known of an origin.
    fn origin(&self, number: i64) -> Result<(Vec<Attribute>, Scope), StoreError> {
        let origin = self.origins.get(&number);
        let origin = origin.ok_or(StoreError::Damaged("an origin is missing"))?;
        let request = empty(origin);
        let view = RequestView::new(Signal::Traces, &request)?;
        let group = view.resources().next();
        let resource = group.map(|group| json::attributes(group.resource().attributes()));
        let scope = group.and_then(|group| group.scopes().next());
        let scope = scope.map(|scope| Scope {
            name: scope.scope().name().to_owned(),
            version: scope.scope().version().to_owned(),
        });
        let nobody = || Scope {
            name: String::new(),
            version: String::new(),
        };
        Ok((resource.unwrap_or_default(), scope.unwrap_or_else(nobody)))
    }

    /// The attributes of the resource of the first item.
    pub(crate) fn resource(
        &self,
    ) -> Result<serde_json::Map<String, serde_json::Value>, StoreError> {
        let blocks = self.spans.iter().chain(&self.logs);
        for block in blocks {
            if let Some((origin, _)) = items(block)?.first() {
                let (resource, _) = self.origin(*origin)?;
                let entries = resource.into_iter().map(|it| (it.key, it.value));
                return Ok(entries.collect());
            }
        }
        Ok(serde_json::Map::new())
    }

    /// Log records in the order of their time.
    pub(crate) fn logs(&self, patience: &Patience) -> Result<Vec<Log>, StoreError> {
        let mut logs = Vec::new();
        for block in &self.logs {
            for (_, bytes) in items(block)? {
                if logs.len() % LOOK == 0 {
                    patience.check()?;
                }
                logs.push(log(&LogView::new(bytes)?));
            }
        }
        logs.sort_by_key(|log: &Log| log.time_us);
        Ok(logs)
    }

    /// Calls `each` with every span and what it says, in the order of their start.
    pub(crate) fn each_span<'a>(
        &'a self,
        patience: &Patience,
        mut each: impl FnMut(&Bones<'a>, &SpanView<'a>),
    ) -> Result<(), StoreError> {
        let outline = self.outline(patience)?;
        for place in outline.places(0..outline.len()) {
            let (view, bones) = self.view(place)?;
            each(&bones, &view);
        }
        Ok(())
    }

    /// Calls `each` with every log record.
    pub(crate) fn each_log<'a>(
        &'a self,
        mut each: impl FnMut(&LogView<'a>),
    ) -> Result<(), StoreError> {
        for block in &self.logs {
            for (_, bytes) in items(block)? {
                each(&LogView::new(bytes)?);
            }
        }
        Ok(())
    }

    /// Everything as OTLP requests: one of each block, so that none is large.
    pub(crate) fn requests(&self) -> Result<Vec<Request>, StoreError> {
        let mut requests = Vec::new();
        for (signal, blocks) in [(Signal::Traces, &self.spans), (Signal::Logs, &self.logs)] {
            for block in blocks {
                let mut by_origin: Vec<(i64, Vec<&[u8]>)> = Vec::new();
                let all = items(block)?;
                let count = all.len() as u64;
                for (origin, bytes) in all {
                    match by_origin.iter_mut().find(|(known, _)| *known == origin) {
                        Some((_, items)) => items.push(bytes),
                        None => by_origin.push((origin, vec![bytes])),
                    }
                }
                let mut request = Vec::new();
                for (number, items) in by_origin {
                    let origin = self.origins.get(&number);
                    let origin = origin.ok_or(StoreError::Damaged("an origin is missing"))?;
                    put_group(&mut request, origin, items);
                }
                if count > 0 {
                    requests.push(Request::from_bytes(signal, count, request.into()));
                }
            }
        }
        Ok(requests)
    }
}

/// A session with its totals, the largest first.
pub(crate) fn detail(
    tale: &Tale,
    resource: serde_json::Map<String, serde_json::Value>,
    now_us: i64,
) -> Detail {
    let sorted = |parts: &[Part]| {
        let mut parts = parts.to_vec();
        parts.sort_by_key(|part| std::cmp::Reverse(part.calls));
        parts
    };
    Detail {
        summary: tale.summary_at(now_us),
        by_model: sorted(&tale.by_model),
        by_tool: sorted(&tale.by_tool),
        by_agent: sorted(&tale.by_agent),
        resource,
        links: tale.links.clone(),
        previous_id: tale.previous.clone(),
    }
}
