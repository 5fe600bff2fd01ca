//! A row of each table, each rule of the back-off.

use super::*;

fn later(after: Option<Duration>) -> ExportError {
    ExportError::Retryable {
        after,
        source: "later".into(),
    }
}

/// Delays double from 100 ms to 30 s and stay there; the random part takes away at most a half.
#[test]
fn delays_double_up_to_thirty_seconds() {
    for (random, share) in [(0.0, 0.5), (0.5, 0.75), (1.0, 1.0)] {
        let mut backoff = Backoff::new(|| random);
        for full in [100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600] {
            let full = Duration::from_millis(full);
            assert_eq!(backoff.next(), full.mul_f64(share));
        }
        for _ in 0..100 {
            assert_eq!(backoff.next(), Duration::from_secs(30).mul_f64(share));
        }
    }
}

/// A source of randomness that breaks its word does not break the bounds.
#[test]
fn delays_stay_in_bounds_whatever_is_random() {
    let mut numbers = [-7.0, 9.0].into_iter().cycle();
    let mut backoff = Backoff::new(|| numbers.next().expect("it cycles"));
    assert_eq!(backoff.next(), Duration::from_millis(50));
    assert_eq!(backoff.next(), Duration::from_millis(200));
}

/// Only retryable errors are tried again.
#[test]
fn only_retryable_errors_are_tried_again() {
    let mut backoff = Backoff::new(|| 1.0);
    let mut next =
        |error: &ExportError| next_attempt(error, &mut backoff, Duration::ZERO, Duration::MAX);
    assert_eq!(next(&ExportError::permanent("no")), None);
    assert_eq!(next(&ExportError::too_large("no")), None);
    let partial = ExportError::Partial {
        rejected: 1,
        message: String::new(),
    };
    assert_eq!(next(&partial), None);
    let wait = next(&ExportError::retryable("later"));
    assert_eq!(wait, Some(Duration::from_millis(100)));
}

/// What the destination asks for is waited exactly; asking for nothing is not asking.
#[test]
fn the_destination_is_waited_for_as_told() {
    let mut backoff = Backoff::new(|| 1.0);
    let mut next = |after| {
        let error = later(after);
        next_attempt(&error, &mut backoff, Duration::ZERO, Duration::MAX)
    };
    let told = Duration::from_secs(7);
    assert_eq!(next(Some(told)), Some(told));
    assert_eq!(next(Some(Duration::ZERO)), Some(Duration::from_millis(100)));
    assert_eq!(next(Some(Duration::ZERO)), Some(Duration::from_millis(200)));
}

/// No attempt begins after the time to try is over; without end, there is always one.
#[test]
fn attempts_end_with_the_time_to_try() {
    let total = Duration::from_secs(10);
    let error = ExportError::retryable("later");
    let next = |elapsed, total| next_attempt(&error, &mut Backoff::new(|| 1.0), elapsed, total);
    let wait = Duration::from_millis(100);
    assert_eq!(next(total - wait, total), Some(wait));
    assert_eq!(next(total - wait + Duration::from_nanos(1), total), None);
    assert_eq!(next(total, total), None);
    assert_eq!(next(Duration::MAX, Duration::MAX), Some(wait));
    let told = later(Some(total * 2));
    let mut backoff = Backoff::new(|| 1.0);
    assert_eq!(
        next_attempt(&told, &mut backoff, Duration::ZERO, total),
        None
    );
}

#[cfg(feature = "grpc")]
mod grpc {
    use tonic::Code;

    use super::*;

    /// Each code has the class that OTLP 1.11 gives it, with and without `RetryInfo`.
    #[test]
    fn each_code_has_its_class() {
        let asked = Some(Duration::from_secs(3));
        for (code, retryable) in [
            (Code::Ok, false),
            (Code::Cancelled, true),
            (Code::Unknown, false),
            (Code::InvalidArgument, false),
            (Code::DeadlineExceeded, true),
            (Code::NotFound, false),
            (Code::AlreadyExists, false),
            (Code::FailedPrecondition, false),
            (Code::Aborted, true),
            (Code::OutOfRange, true),
            (Code::Unimplemented, false),
            (Code::Internal, false),
            (Code::Unavailable, true),
            (Code::DataLoss, true),
        ] {
            for asked in [None, asked] {
                let expected = match retryable {
                    true => Class::Retryable(asked),
                    false => Class::Permanent,
                };
                assert_eq!(grpc_class(code, "words", asked), expected, "{code:?}");
            }
        }
        for code in [Code::PermissionDenied, Code::Unauthenticated] {
            assert_eq!(grpc_class(code, "words", asked), Class::Denied);
        }
        let exhausted = Code::ResourceExhausted;
        assert_eq!(grpc_class(exhausted, "words", None), Class::Permanent);
        assert_eq!(
            grpc_class(exhausted, "words", asked),
            Class::Retryable(asked)
        );
    }

    /// A refusal for size is known by its words, in the two codes that servers use, and only
    /// there; a delay asked for shows that it is about something else.
    #[test]
    fn a_refusal_for_size_is_known_by_its_words() {
        for message in [
            "grpc: received message larger than max (5000000 vs. 4194304)",
            "grpc: received message after decompression larger than max 4194304",
            "gRPC message exceeds maximum size 4194304: 5000000",
            "Error, decoded message length too large: found 5000000 bytes, the limit is: 4194304 bytes",
            "Request too big",
            "maximum body size exceeded",
        ] {
            for code in [Code::ResourceExhausted, Code::OutOfRange] {
                assert_eq!(grpc_class(code, message, None), Class::TooLarge);
            }
            assert_eq!(
                grpc_class(Code::Unavailable, message, None),
                Class::Retryable(None)
            );
            assert_eq!(grpc_class(Code::Internal, message, None), Class::Permanent);
            let asked = Some(Duration::from_secs(1));
            assert_eq!(
                grpc_class(Code::ResourceExhausted, message, asked),
                Class::Retryable(asked)
            );
        }
    }

    /// A refusal for rate is not one for size: smaller requests would be more requests.
    #[test]
    fn a_refusal_for_rate_is_not_one_for_size() {
        for message in [
            "rate limit exceeded",
            "ingestion rate exceeds 1000000 bytes",
            "message quota exceeded",
            "more than 1000 messages per second: limit exceeded",
            "",
        ] {
            let class = grpc_class(Code::ResourceExhausted, message, None);
            assert_eq!(class, Class::Permanent, "{message}");
        }
    }

    /// `RetryInfo` cannot make a lane wait for longer than the bound.
    #[test]
    fn retry_info_is_cut() {
        let year = Some(Duration::from_secs(31_536_000));
        for code in [Code::Unavailable, Code::ResourceExhausted] {
            let class = grpc_class(code, "", year);
            assert_eq!(class, Class::Retryable(Some(LONGEST_ASKED_WAIT)));
        }
    }

    /// A proxy's HTTP status becomes the code that gRPC gives it.
    #[test]
    fn a_proxys_status_becomes_a_code() {
        for (status, code) in [
            (400, Code::Internal),
            (401, Code::Unauthenticated),
            (403, Code::PermissionDenied),
            (404, Code::Unimplemented),
            (429, Code::Unavailable),
            (502, Code::Unavailable),
            (503, Code::Unavailable),
            (504, Code::Unavailable),
            (418, Code::Unknown),
            (500, Code::Unknown),
        ] {
            let status = http::StatusCode::from_u16(status).unwrap();
            assert_eq!(grpc_code_of_http(status), code);
        }
    }
}

#[cfg(feature = "http")]
mod http_answers {
    use std::time::{SystemTime, UNIX_EPOCH};

    use http::{HeaderValue, StatusCode};

    use super::*;

    /// 429, 502, 503 and 504 are tried again, 413 is cut in two, every other status is final.
    #[test]
    fn each_status_has_its_class() {
        let asked = Some(Duration::from_secs(3));
        for status in 300..600 {
            let expected = match status {
                429 | 502 | 503 | 504 => Class::Retryable(asked),
                413 => Class::TooLarge,
                401 | 403 => Class::Denied,
                _ => Class::Permanent,
            };
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(http_class(status, asked), expected, "{status}");
        }
    }

    /// The eighth of November 1994, 08:49:37, in seconds since 1970.
    const NOW: u64 = 784_284_577;

    fn read(text: &str) -> Option<Duration> {
        let now: SystemTime = UNIX_EPOCH + Duration::from_secs(NOW);
        retry_after(&HeaderValue::from_str(text).unwrap(), now)
    }

    /// Seconds and dates are read; the past is now; ten years are five minutes; garbage is nothing.
    #[test]
    fn retry_after_is_read_in_both_forms() {
        let seconds = |n| Some(Duration::from_secs(n));
        for (text, wait) in [
            ("0", seconds(0)),
            (" 120 ", seconds(120)),
            ("300", seconds(300)),
            ("301", seconds(300)),
            ("315360000", seconds(300)),
            ("99999999999999999999999999", seconds(300)),
            ("Tue, 08 Nov 1994 08:50:07 GMT", seconds(30)),
            ("Tuesday, 08-Nov-94 08:50:07 GMT", seconds(30)),
            ("Tue Nov  8 08:50:07 1994", seconds(30)),
            ("Tue, 08 Nov 1994 08:49:07 GMT", seconds(0)),
            ("Mon, 08 Nov 2004 08:49:37 GMT", seconds(300)),
            ("", None),
            ("soon", None),
            ("-5", None),
            ("+5", None),
            ("1.5", None),
            ("Tue, 38 Nov 1994 08:49:07 GMT", None),
        ] {
            assert_eq!(read(text), wait, "{text:?}");
        }
        let bytes = HeaderValue::from_bytes(b"\xff\xfe").unwrap();
        assert_eq!(retry_after(&bytes, UNIX_EPOCH), None);
    }
}
