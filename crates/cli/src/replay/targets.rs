//! Where sessions go: trees, a file, a receiver.
//!
//! Holds: a pipeline for each of them. Waits: for them to end. Loses: what they do not take, which is told.

use std::io::{self, Write};

use spanreel::Redaction;

use super::args::{ConvertPlan, Out, Print, To};
use super::canvas::Canvas;
use super::destination::{Destination, SetupError, Terms};
use super::form::{self, FormWriter, Spans};
use super::summary::Delivery;
use crate::convert::Format;

/// The largest session of which all spans are drawn, where the tree does not abridge them: a tree
/// takes about a kilobyte of memory per span.
pub(super) const MAX_DRAWN: usize = 100_000;

/// Where the sessions go.
#[derive(Default)]
pub(super) struct Targets {
    pub(super) tree: Option<(Destination, Canvas)>,
    pub(super) out: Option<Destination>,
    pub(super) export: Option<Destination>,
    /// What trees and tables are written to, but for the screen; with whether something was.
    text: Option<(Box<dyn Write + Send>, bool)>,
}

/// What became of what was sent.
#[derive(Default)]
pub(super) struct Delivered {
    pub(super) out: Option<Delivery>,
    pub(super) export: Option<Delivery>,
    /// What a table is still to be written to.
    pub(super) text: Option<Box<dyn Write + Send>>,
}

impl Targets {
    pub(super) fn start(
        &mut self,
        plan: &ConvertPlan,
        redaction: Option<&Redaction>,
    ) -> Result<(), SetupError> {
        let service = plan.service.as_deref();
        let service = service.unwrap_or(Format::default().service());
        let terms = || Terms {
            patience: plan.patience,
            redaction: redaction.cloned(),
        };
        if let Some(out) = &plan.out {
            let form = |form| -> Result<Destination, SetupError> {
                let writer = FormWriter::new(form, form::create(out)?);
                Destination::form(writer, service, terms())
            };
            match plan.to {
                To::OtlpJsonl => self.out = Some(Destination::jsonl(out, service, terms())?),
                To::OtlpProto => self.out = Some(form(Spans::OtlpProto)?),
                To::Zipkin => self.out = Some(form(Spans::Zipkin)?),
                To::Tree | To::Csv => self.text = Some((form::create(out)?, false)),
            }
        }
        if let Some(endpoint) = &plan.export {
            let headers = &plan.headers;
            self.export = Some(Destination::receiver(endpoint, headers, service, terms())?);
        }
        if plan.print == Print::Trees || plan.to == To::Tree {
            let canvas = Canvas::of(MAX_DRAWN);
            let tree = Destination::canvas(canvas.clone(), service, terms())?;
            self.tree = Some((tree, canvas));
        }
        Ok(())
    }

    /// Writes a tree to the file for it, an empty line apart from the one before; says whether there is one.
    pub(super) fn write_tree(&mut self, tree: &str) -> io::Result<bool> {
        let Some((text, has_written)) = &mut self.text else {
            return Ok(false);
        };
        if std::mem::replace(has_written, true) {
            text.write_all(b"\n")?;
        }
        text.write_all(tree.as_bytes())?;
        Ok(true)
    }

    /// Delivers what is left.
    pub(super) async fn close(self, plan: &ConvertPlan) -> anyhow::Result<Delivered> {
        let Self {
            tree,
            out,
            export,
            text,
        } = self;
        if let Some((tree, _)) = tree {
            tree.close().await?;
        }
        let mut delivered = Delivered::default();
        if let Some(out) = out {
            let to = match &plan.out {
                Some(Out::File(path)) => path.display().to_string(),
                Some(Out::Stdout) | None => "standard output".to_owned(),
            };
            delivered.out = Some(Delivery::new(to, &out.close().await?));
        }
        if let (Some(export), Some(endpoint)) = (export, &plan.export) {
            let reports = export.close().await?;
            delivered.export = Some(Delivery::new(endpoint.to_string(), &reports));
        }
        if let Some((mut text, _)) = text {
            text.flush()?;
            delivered.text = Some(text);
        }
        Ok(delivered)
    }
}
