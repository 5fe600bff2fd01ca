//! The APIs of OpenAI and of everything that speaks its dialect.

mod chat;
mod embeddings;
mod responses;
mod settings;
mod usage;

pub use chat::OpenAiChat;
pub use embeddings::OpenAiEmbeddings;
pub use responses::OpenAiResponses;

use std::borrow::Cow;

use http::Method;

use super::provider::Target;

/// Whose dialect it is, by the host (`gen_ai.provider.name`, GenAI conventions 1.41.1; names that are not
/// among its well-known ones are those that the providers give themselves).
const HOSTS: [(&str, &str); 16] = [
    ("api.openai.com", "openai"),
    ("openai.azure.com", "azure.ai.openai"),
    ("cognitiveservices.azure.com", "azure.ai.openai"),
    ("services.ai.azure.com", "azure.ai.inference"),
    ("models.ai.azure.com", "azure.ai.inference"),
    ("openrouter.ai", "openrouter"),
    ("groq.com", "groq"),
    ("deepseek.com", "deepseek"),
    ("mistral.ai", "mistral_ai"),
    ("x.ai", "x_ai"),
    ("perplexity.ai", "perplexity"),
    ("cohere.ai", "cohere"),
    ("cohere.com", "cohere"),
    ("generativelanguage.googleapis.com", "gcp.gemini"),
    ("aiplatform.googleapis.com", "gcp.vertex_ai"),
    ("api.anthropic.com", "anthropic"),
];

/// The port that Ollama listens on, unless told otherwise.
const OLLAMA: u16 = 11434;

/// Who answers. A host that nobody knows is called after the dialect that it speaks, as the conventions
/// have it; [`Llm::named`](crate::llm::Llm::named) names it.
fn provider(target: &Target<'_>) -> Cow<'static, str> {
    let known = HOSTS.iter().find(|(host, _)| target.is_host(host));
    let name = match known {
        Some((_, name)) => name,
        None if target.port == Some(OLLAMA) => "ollama",
        None => "openai",
    };
    Cow::Borrowed(name)
}

/// Whether a request posts to a path with this end.
fn posts(target: &Target<'_>, end: &str) -> bool {
    let path = target.path.trim_end_matches('/');
    *target.method == Method::POST && path.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::provider::Provider;
    use spanreel::Operation;

    /// Every dialect is recognised by its host and path, and what is no call of a model is not.
    #[test]
    fn dialects_are_recognised() {
        let chat = Some(("chat", Operation::Chat));
        let table = [
            ("api.openai.com", "/v1/chat/completions", chat, "openai"),
            (
                "me.openai.azure.com",
                "/openai/deployments/d/chat/completions",
                chat,
                "azure.ai.openai",
            ),
            (
                "openrouter.ai",
                "/api/v1/chat/completions",
                chat,
                "openrouter",
            ),
            ("api.groq.com", "/openai/v1/chat/completions", chat, "groq"),
            ("api.deepseek.com", "/chat/completions", chat, "deepseek"),
            (
                "api.mistral.ai",
                "/v1/chat/completions/",
                chat,
                "mistral_ai",
            ),
            ("api.x.ai", "/v1/chat/completions", chat, "x_ai"),
            ("vllm.internal", "/v1/chat/completions", chat, "openai"),
            (
                "notx.ai",
                "/v1/completions",
                Some(("chat", Operation::TextCompletion)),
                "openai",
            ),
            (
                "api.openai.com",
                "/v1/responses",
                Some(("responses", Operation::Chat)),
                "openai",
            ),
            (
                "api.openai.com",
                "/v1/embeddings",
                Some(("embeddings", Operation::Embeddings)),
                "openai",
            ),
            ("api.openai.com", "/v1/responses/resp_1/cancel", None, ""),
            ("api.openai.com", "/v1/images/generations", None, ""),
            ("api.openai.com", "/v1/files", None, ""),
        ];
        for (host, path, expected, name) in table {
            let target = Target::new(&Method::POST, host, path);
            let all = [
                ("chat", OpenAiChat.recognise(&target)),
                ("responses", OpenAiResponses.recognise(&target)),
                ("embeddings", OpenAiEmbeddings.recognise(&target)),
            ];
            let found: Vec<_> = all
                .iter()
                .filter_map(|(form, found)| Some((*form, found.as_ref()?.operation)))
                .collect();
            assert_eq!(found, Vec::from_iter(expected), "{host}{path}");
            let found = all.iter().find_map(|(_, found)| found.as_ref());
            assert_eq!(found.map_or("", |it| &*it.provider), name, "{host}{path}");
        }
        let get = Target::new(&Method::GET, "api.openai.com", "/v1/chat/completions");
        assert!(OpenAiChat.recognise(&get).is_none());
        let ollama = Target {
            port: Some(OLLAMA),
            ..Target::new(&Method::POST, "localhost", "/v1/chat/completions")
        };
        assert_eq!(provider(&ollama), "ollama");
    }
}
