//! What the agents of the demo are asked, think and do.

/// What a step is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// A model is asked; it answers so.
    Ask(&'static str),
    /// A tool is called with arguments, and gives a result.
    Tool(&'static str, &'static str, &'static str),
    /// A tool fails, with a type and a message.
    Fails(&'static str, &'static str, &'static str, &'static str),
    /// Something is looked up.
    Look(&'static str),
    /// Work is handed to another agent, who is asked this.
    Hand(&'static str, &'static str),
    /// The model is busy at first, and is asked again.
    Busy(&'static str),
}

/// A kind of session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scene {
    pub(super) agent: &'static str,
    pub(super) provider: &'static str,
    pub(super) model: &'static str,
    /// In US dollars for a million tokens in, and out.
    pub(super) price: (f64, f64),
    pub(super) tags: &'static [&'static str],
    pub(super) asked: &'static str,
    pub(super) steps: &'static [Step],
    /// Why it fails in the end, if it does.
    pub(super) fails: Option<&'static str>,
}

use Step::{Ask, Busy, Fails, Hand, Look, Tool};

/// The scenes, which are played in turns.
pub(super) const SCENES: &[Scene] = &[
    Scene {
        agent: "support",
        provider: "anthropic",
        model: "claude-sonnet-4-5",
        price: (3.0, 15.0),
        tags: &["shop", "email"],
        asked: "My order 4711 has not arrived. Where is it?",
        steps: &[
            Ask("I will look up the order first."),
            Tool(
                "find_order",
                r#"{"order":"4711"}"#,
                r#"{"status":"shipped","carrier":"DHL","parcel":"JD0146"}"#,
            ),
            Tool(
                "track_parcel",
                r#"{"parcel":"JD0146"}"#,
                r#"{"status":"at depot","since":"2 days"}"#,
            ),
            Ask(
                "The parcel has been at the depot for two days. I will ask the carrier to deliver it, and tell the customer.",
            ),
            Tool(
                "open_ticket",
                r#"{"carrier":"DHL","parcel":"JD0146"}"#,
                r#"{"ticket":"T-981"}"#,
            ),
            Ask(
                "Your parcel is at the depot; the carrier has been asked to deliver it tomorrow (ticket T-981).",
            ),
        ],
        fails: None,
    },
    Scene {
        agent: "planner",
        provider: "openai",
        model: "gpt-5-mini",
        price: (0.25, 2.0),
        tags: &["travel"],
        asked: "Plan three days in Lisbon for a family with two children, at most 900 euros.",
        steps: &[
            Ask(
                "I need flights, a place to stay and things to do. The researcher finds the sights.",
            ),
            Hand(
                "researcher",
                "Which sights in Lisbon are good for children of 6 and 9?",
            ),
            Tool(
                "search_flights",
                r#"{"to":"LIS","people":4}"#,
                r#"{"cheapest":412,"currency":"EUR"}"#,
            ),
            Fails(
                "search_hotels",
                r#"{"city":"Lisbon","nights":3}"#,
                "timeout",
                "the booking service did not answer within 10 s",
            ),
            Tool(
                "search_hotels",
                r#"{"city":"Lisbon","nights":3}"#,
                r#"{"cheapest":264,"currency":"EUR"}"#,
            ),
            Ask(
                "Day 1: the aquarium. Day 2: tram 28 and the castle. Day 3: the beach of Cascais. 864 euros in all.",
            ),
        ],
        fails: None,
    },
    Scene {
        agent: "coder",
        provider: "anthropic",
        model: "claude-opus-4-1",
        price: (15.0, 75.0),
        tags: &["repository", "ci"],
        asked: "The test `parses_empty_input` fails since yesterday. Mend it.",
        steps: &[
            Tool(
                "git_log",
                r#"{"since":"yesterday"}"#,
                "a81f2c parser: skip the byte order mark",
            ),
            Tool(
                "read_file",
                r#"{"path":"src/parser.rs"}"#,
                "fn parse(input: &[u8]) -> Ast { let input = &input[3..]; ...",
            ),
            Ask(
                "The slice panics for inputs shorter than three bytes. strip_prefix does what was meant.",
            ),
            Tool(
                "write_file",
                r#"{"path":"src/parser.rs"}"#,
                "1 line changed",
            ),
            Fails(
                "run_tests",
                r#"{"filter":"parser"}"#,
                "exit_status",
                "1 of 38 tests failed: keeps_the_position",
            ),
            Ask("The positions must be moved by the length of what was stripped."),
            Tool(
                "write_file",
                r#"{"path":"src/parser.rs"}"#,
                "2 lines changed",
            ),
            Tool("run_tests", r#"{"filter":"parser"}"#, "38 passed"),
            Hand("reviewer", "Please review the change of src/parser.rs."),
            Ask("Mended: the byte order mark is stripped only where there is one."),
        ],
        fails: None,
    },
    Scene {
        agent: "analyst",
        provider: "gcp.gemini",
        model: "gemini-2.5-flash",
        price: (0.3, 2.5),
        tags: &["reports"],
        asked: "Which products sold worse this month than in the month before, and why?",
        steps: &[
            Look("sales"),
            Busy("I will compare the two months by product."),
            Tool(
                "run_sql",
                r#"{"query":"select product, sum(amount) from sales group by product, month"}"#,
                "212 rows",
            ),
            Ask("Three products sold worse; two of them were out of stock for nine days."),
        ],
        fails: None,
    },
    Scene {
        agent: "analyst",
        provider: "gcp.gemini",
        model: "gemini-2.5-flash",
        price: (0.3, 2.5),
        tags: &["reports", "nightly"],
        asked: "Write the nightly report.",
        steps: &[
            Look("sales"),
            Tool(
                "run_sql",
                r#"{"query":"select count(*) from sales where day = current_date - 1"}"#,
                "18204",
            ),
            Fails(
                "run_sql",
                r#"{"query":"select * from refunds"}"#,
                "permission_denied",
                "role reporter may not read the table refunds",
            ),
            Ask("I cannot read the refunds, without which the report would be wrong."),
        ],
        fails: Some("permission denied for table refunds"),
    },
];

/// What those answer who are handed work.
pub(super) const ANSWERS: &[(&str, &str)] = &[
    (
        "researcher",
        "The aquarium, the science museum, and the trams. All are open at the weekend.",
    ),
    (
        "reviewer",
        "The change is right. A test for an input of two bytes would be good.",
    ),
];

/// Who asks.
pub(super) const USERS: &[&str] = &["u-ana", "u-ben", "u-chiara", "u-deniz", "u-emil"];
