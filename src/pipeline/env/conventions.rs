//! `OTEL_SEMCONV_STABILITY_OPT_IN`, as far as it speaks of calls of models.
//!
//! Semantic conventions 1.41.1, "Semantic conventions for generative AI systems": a comma list of values, one
//! for each category. Those of other categories (`http`, `database/dup`) are for other instrumentations, and
//! are passed over.

use super::lists;
use super::reader::Reader;

const NAME: &str = "OTEL_SEMCONV_STABILITY_OPT_IN";
/// For builds that rewrite nothing.
pub(super) const NEEDS_PROTO: &str =
    "OTEL_SEMCONV_STABILITY_OPT_IN (enable the feature `proto` of spanreel)";
const LATEST: &str = "gen_ai_latest_experimental";

/// Whether the newest GenAI conventions are asked for that there are, released or not.
pub(super) fn latest_genai(reader: &mut Reader<'_>) -> bool {
    let list = reader.text(NAME).unwrap_or_default();
    let mut is_latest = false;
    for (_, member) in lists::members(&list) {
        if member.eq_ignore_ascii_case(LATEST) {
            is_latest = true;
        } else if is_about_genai(member) {
            let expected = format!("{LATEST}, or values of other categories");
            reader.warn_bad(NAME, member, &expected);
        }
    }
    is_latest
}

/// Whether a value is meant for the category of generative AI, however it is written.
fn is_about_genai(member: &str) -> bool {
    let letters = member.chars().filter(char::is_ascii_alphabetic);
    let letters: String = letters.map(|it| it.to_ascii_lowercase()).collect();
    letters.starts_with("genai")
}
