//! What an HTTP server must answer.

use std::{fmt, ops::RangeInclusive};

use super::{
    pattern::{ByteRegex, has_part},
    tls::Tls,
};
use hyper::{
    Method, Uri,
    header::{HeaderName, HeaderValue},
};

/// A response with one of the statuses, and with a body that matches where that is wanted, is a success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    pub method: Method,
    /// The path, and a query if any.
    pub path: Uri,
    /// With the port where the file gives one.
    pub host: HeaderValue,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub status: StatusSet,
    pub body: Option<Pattern>,
    /// None for http, and some for https.
    pub tls: Option<Tls>,
}

/// Statuses, as ranges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusSet(pub Vec<RangeInclusive<u16>>);

/// What a body must contain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    Text(String),
    Regex(ByteRegex),
}

impl StatusSet {
    /// A status or a range of them: "204", "200-299".
    pub fn parse_range(text: &str) -> Option<RangeInclusive<u16>> {
        let status = |text: &str| {
            let digits = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse().ok()).flatten().filter(|status| (100..=599).contains(status))
        };
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let range = status(first.trim())?..=status(last.trim())?;
        (!range.is_empty()).then_some(range)
    }

    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|range| range.contains(&status))
    }
}

impl Default for StatusSet {
    fn default() -> Self {
        Self(vec![200..=299])
    }
}

/// "200-299, 401"
impl fmt::Display for StatusSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, range) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            match (range.start(), range.end()) {
                (first, last) if first == last => write!(formatter, "{comma}{first}")?,
                (first, last) => write!(formatter, "{comma}{first}-{last}")?,
            }
        }
        Ok(())
    }
}

impl Pattern {
    pub fn is_in(&self, body: &[u8]) -> bool {
        match self {
            Self::Text(text) => has_part(body, text.as_bytes()),
            Self::Regex(regex) => regex.0.is_match(body),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(formatter, "{text:?}"),
            Self::Regex(regex) => write!(formatter, "/{}/", regex.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use regex::bytes::Regex;

    use super::*;

    #[test]
    fn status_sets() {
        for (ranges, told, inside, outside) in [
            (&["200-299"][..], "200-299", &[200, 250, 299][..], &[199, 300][..]),
            (&["204"], "204", &[204], &[203, 205]),
            (&["200 - 204", "401"], "200-204, 401", &[200, 204, 401], &[205, 400, 402]),
            (&["100-599"], "100-599", &[100, 599], &[99, 600]),
        ] {
            let ranges = ranges.iter().map(|range| StatusSet::parse_range(range).expect("a range"));
            let set = StatusSet(ranges.collect());
            assert_eq!(set.to_string(), told);
            assert!(inside.iter().all(|status| set.contains(*status)), "{set}: {inside:?}");
            assert!(!outside.iter().any(|status| set.contains(*status)), "{set}: {outside:?}");
        }
        for text in ["", "20", "2000", "099", "600", "299-200", "200-", "-200", "2xx", "200-299-300", "+20"] {
            assert_eq!(StatusSet::parse_range(text), None, "{text}");
        }
    }

    #[test]
    fn patterns() {
        let regex = |text| Pattern::Regex(ByteRegex(Regex::new(text).expect("a regex")));
        for (pattern, body, expected) in [
            (Pattern::Text("ok".to_owned()), "all is ok.", true),
            (Pattern::Text("ok".to_owned()), "all is Ok.", false),
            (Pattern::Text("ok".to_owned()), "o", false),
            (regex("^(?i)OK$"), "ok", true),
            (regex("^(?i)OK$"), "ok.", false),
        ] {
            assert_eq!(pattern.is_in(body.as_bytes()), expected, "{pattern} in {body}");
        }
        // Bytes that are no text are no hindrance.
        assert!(regex("o.*k").is_in(b"\xff o k"));
    }
}
