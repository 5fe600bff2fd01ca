//! Google's Gemini: generated content, embeddings, and interactions.

mod answer;
mod interactions;
mod settings;

pub use interactions::GeminiInteractions;

use http::Method;
use spanreel::Operation;

use self::answer::Answer;
use self::settings::Settings;
use super::asked::Asked;
use super::content;
use super::json::read;
use super::provider::{Event, Provider, Recognised, Target};
use super::told::Told;

/// Gemini's `generateContent` and `streamGenerateContent`, `embedContent` and `batchEmbedContents`, at
/// Google AI and Vertex AI. A stream comes as server-sent events or as an array of JSON.
///
/// Its output tokens are those beside the thoughts, and its input those beside what tools of its own
/// added; a span tells the sums.
#[derive(Clone, Copy, Debug, Default)]
pub struct GeminiContent;

impl Provider for GeminiContent {
    fn recognise(&self, target: &Target<'_>) -> Option<Recognised> {
        let (resource, method) = target.path.rsplit_once(':')?;
        let operation = match method {
            "generateContent" | "streamGenerateContent" => Operation::GenerateContent,
            "embedContent" | "batchEmbedContents" => Operation::Embeddings,
            _ => return None,
        };
        if *target.method != Method::POST {
            return None;
        }
        let mut recognised = Recognised::new(provider(target), operation);
        let (_, model) = resource.rsplit_once('/').unwrap_or(("", resource));
        recognised.model = Some(model.to_owned());
        recognised.is_stream = method == "streamGenerateContent";
        recognised.is_array = recognised.is_stream;
        Some(recognised)
    }

    fn read_request(&self, body: &[u8], asked: &mut Asked) {
        read(body, &mut Settings(asked));
        content::of_contents(body, asked);
    }

    fn read_response(&self, body: &[u8], told: &mut Told) {
        told.is_broken |= !read(body, &mut Answer(told));
    }

    fn read_event(&self, event: &Event<'_>, told: &mut Told) {
        self.read_response(event.data, told);
    }
}

fn provider(target: &Target<'_>) -> &'static str {
    // Their hosts begin with a region: `us-central1-aiplatform.googleapis.com`.
    let is_vertex = target.host.ends_with("aiplatform.googleapis.com");
    if is_vertex {
        "gcp.vertex_ai"
    } else {
        "gcp.gemini"
    }
}
