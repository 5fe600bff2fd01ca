//! Secrets of every kind, and whether any of them is in what came out.

use std::collections::HashSet;
use std::path::Path;

/// Makes secrets, each another, and remembers them.
pub(super) struct Planter {
    state: u64,
    kind: usize,
    planted: Vec<String>,
}

/// How much of a secret must not be seen: nobody knows it by fewer bytes.
const WINDOW: usize = 9;

impl Planter {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            state: seed | 1,
            kind: 0,
            planted: Vec::new(),
        }
    }

    pub(super) fn planted(&self) -> usize {
        self.planted.len()
    }

    /// The next random number (xorshift64*).
    fn next(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 16) % bound
    }

    fn of(&mut self, alphabet: &str, len: usize) -> String {
        let letters: Vec<char> = alphabet.chars().collect();
        (0..len)
            .map(|_| letters[self.below(letters.len() as u64) as usize])
            .collect()
    }

    fn word(&mut self, len: usize) -> String {
        const LETTERS: &str = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
        self.of(LETTERS, len)
    }

    /// A card with its check digit, in one piece or in groups.
    fn card(&mut self) -> String {
        let mut digits: Vec<u32> = vec![4];
        digits.extend((0..14).map(|_| self.below(10) as u32));
        let sum: u32 = digits
            .iter()
            .rev()
            .enumerate()
            .map(|(place, digit)| match place % 2 {
                0 => digit * 2 / 10 + digit * 2 % 10,
                _ => *digit,
            })
            .sum();
        digits.push((10 - sum % 10) % 10);
        let text: String = digits.iter().map(u32::to_string).collect();
        match self.below(2) {
            0 => text,
            _ => format!(
                "{} {} {} {}",
                &text[..4],
                &text[4..8],
                &text[8..12],
                &text[12..]
            ),
        }
    }

    /// An account with its check digits.
    fn iban(&mut self) -> String {
        let account = format!("37040044{:010}", self.below(10_000_000_000));
        let number = format!("{account}131400");
        let rest = number
            .bytes()
            .fold(0, |rest, it| (rest * 10 + u32::from(it - b'0')) % 97);
        format!("DE{:02}{account}", 98 - rest)
    }

    /// The next secret.
    pub(super) fn secret(&mut self) -> String {
        self.kind += 1;
        let secret = match self.kind % 14 {
            0 => format!("sk-ant-api03-{}", self.word(40)),
            1 => format!("ghp_{}", self.word(36)),
            2 => format!("AKIA{}", self.of("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)),
            3 => format!("xoxb-{}-{}", self.of("0123456789", 12), self.word(24)),
            4 => format!("eyJ{}.{}.{}", self.word(20), self.word(40), self.word(43)),
            5 => return self.behind("Bearer ", 30, ""),
            6 => {
                return self.behind(
                    "-----BEGIN PRIVATE KEY-----\n",
                    64,
                    "\n-----END PRIVATE KEY-----",
                );
            }
            7 => format!(
                "{}.{}@{}.example.org",
                self.word(8),
                self.word(6),
                self.of("abcdefghij", 9)
            ),
            8 => format!(
                "+49 {} {}",
                30 + self.below(60),
                1_000_000 + self.below(9_000_000)
            ),
            9 => self.card(),
            10 => self.iban(),
            11 => format!(
                "{}.{}.{}.{}",
                101 + self.below(20),
                100 + self.below(156),
                100 + self.below(156),
                100 + self.below(156)
            ),
            12 => format!(
                "2001:db8:{:x}:{:x}::{:x}",
                4096 + self.below(60000),
                4096 + self.below(60000),
                4096 + self.below(60000)
            ),
            _ => return self.behind("postgres://app:", 16, "@db.internal/x"),
        };
        self.planted.push(secret.clone());
        secret
    }

    /// A secret that is one because of what stands around it.
    fn behind(&mut self, before: &str, len: usize, behind: &str) -> String {
        let secret = self.word(len);
        self.planted.push(secret.clone());
        format!("{before}{secret}{behind}")
    }

    /// A secret in a sentence.
    pub(super) fn said(&mut self) -> String {
        format!("it is {}, they say", self.secret())
    }

    /// A secret in JSON, now as it is, now with every letter escaped, now in JSON in a string of JSON.
    pub(super) fn json(&mut self) -> String {
        let said = self.said();
        match self.below(4) {
            0 => serde_json::json!({"messages": [{"role": "user", "content": said}]}).to_string(),
            1 => format!("{{\"a\":[1,\"{}\"]}}", escaped(&said)),
            2 => {
                let inner = format!("{{\"to\":\"{}\",\"n\":1}}", escaped(&said));
                serde_json::json!({"arguments": inner}).to_string()
            }
            _ => {
                let inner = serde_json::json!([said]).to_string();
                let inner = serde_json::json!({"deeper": inner}).to_string();
                serde_json::json!({ "arguments": inner }).to_string()
            }
        }
    }

    /// Fails where some of a secret is in what came out.
    #[track_caller]
    pub(super) fn assert_none_in(&self, what: &str, bytes: &[u8]) {
        let mut windows = HashSet::new();
        for secret in &self.planted {
            let middle = (secret.len() - WINDOW) / 2;
            windows.insert(&secret.as_bytes()[middle..middle + WINDOW]);
        }
        let found = bytes.windows(WINDOW).position(|it| windows.contains(it));
        if let Some(at) = found {
            let around = &bytes[at.saturating_sub(200)..bytes.len().min(at + 60)];
            panic!("{what} holds a secret: {}", String::from_utf8_lossy(around));
        }
    }
}

/// Every character as an escape of JSON.
pub(super) fn escaped(text: &str) -> String {
    text.encode_utf16()
        .map(|unit| format!("\\u{unit:04x}"))
        .collect()
}

/// All that files hold, in and below a directory.
pub(super) fn files(directory: &Path) -> Vec<u8> {
    let mut held = Vec::new();
    for entry in std::fs::read_dir(directory).expect("it is there") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => held.extend(files(&path)),
            false => held.extend(std::fs::read(&path).expect("a file")),
        }
    }
    held
}
