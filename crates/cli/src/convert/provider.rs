//! Names of model providers, as the GenAI semantic conventions spell them.

/// The well-known values of `gen_ai.provider.name` (GenAI semantic conventions 1.41.1).
const WELL_KNOWN: [&str; 15] = [
    "anthropic",
    "aws.bedrock",
    "azure.ai.inference",
    "azure.ai.openai",
    "cohere",
    "deepseek",
    "gcp.gemini",
    "gcp.gen_ai",
    "gcp.vertex_ai",
    "groq",
    "ibm.watsonx.ai",
    "mistral_ai",
    "openai",
    "perplexity",
    "x_ai",
];

/// Words that recorded provider names are made of. Platforms stand before the makers of models,
/// because `azure-openai` is Azure, and `bedrock-claude` Bedrock.
const WORDS: [(&str, &str); 23] = [
    ("azure", "azure.ai.openai"),
    ("bedrock", "aws.bedrock"),
    ("aws", "aws.bedrock"),
    ("vertex", "gcp.vertex_ai"),
    ("vertexai", "gcp.vertex_ai"),
    ("watsonx", "ibm.watsonx.ai"),
    ("ibm", "ibm.watsonx.ai"),
    ("groq", "groq"),
    ("perplexity", "perplexity"),
    ("claude", "anthropic"),
    ("anthropic", "anthropic"),
    ("gemini", "gcp.gemini"),
    ("google", "gcp.gemini"),
    ("googleai", "gcp.gemini"),
    ("cohere", "cohere"),
    ("deepseek", "deepseek"),
    ("mistral", "mistral_ai"),
    ("mistralai", "mistral_ai"),
    ("xai", "x_ai"),
    ("grok", "x_ai"),
    ("openai", "openai"),
    ("gpt", "openai"),
    ("chatgpt", "openai"),
];

/// The value of `gen_ai.provider.name` for a recorded name: a well-known one where one of its words
/// tells, else the name itself.
pub(crate) fn name(recorded: &str) -> String {
    let lower = recorded.to_ascii_lowercase();
    if WELL_KNOWN.contains(&lower.as_str()) {
        return lower;
    }
    let words: Vec<&str> = lower
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    if words.contains(&"azure") && (words.contains(&"inference") || words.contains(&"foundry")) {
        return "azure.ai.inference".to_owned();
    }
    let known = WORDS.iter().find(|(word, _)| words.contains(word));
    known.map_or_else(|| recorded.to_owned(), |(_, name)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Recorded names become well-known ones where they can, and stay themselves where not.
    #[test]
    fn providers_get_their_well_known_names() {
        for (recorded, expected) in [
            ("openai", "openai"),
            ("OpenAI", "openai"),
            ("openai-gpt-4o-mini", "openai"),
            ("azure", "azure.ai.openai"),
            ("azure-openai", "azure.ai.openai"),
            ("azure_ai_inference", "azure.ai.inference"),
            ("claude", "anthropic"),
            ("claude-3-5-sonnet", "anthropic"),
            ("bedrock/claude", "aws.bedrock"),
            ("gemini", "gcp.gemini"),
            ("google", "gcp.gemini"),
            ("vertex", "gcp.vertex_ai"),
            ("GCP.Vertex_AI", "gcp.vertex_ai"),
            ("mistral", "mistral_ai"),
            ("xai", "x_ai"),
            ("ollama", "ollama"),
            ("my provider", "my provider"),
        ] {
            assert_eq!(name(recorded), expected, "{recorded}");
        }
    }
}
