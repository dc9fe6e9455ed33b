//! What servers say of themselves, in the words of HAProxy's agents: pure.
//!
//! Words are separated by spaces, tabs or commas and come in any order, in capitals or not; what follows a `#` is a
//! description (HAProxy's manual, "agent-check"). What is not said stays as it was.

use std::time::Duration;

use crate::{
    admin::AdminState,
    health::{Outcome, Report, ReportedWeight},
};

/// One line of words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// The word for down: "stopped".
    pub(super) down: Option<String>,
    pub(super) report: Report,
    pub(super) description: Option<String>,
    are_all_known: bool,
}

/// Characters of a description.
const LONGEST_DESCRIPTION: usize = 200;

/// As it can be shown on a terminal, and kept.
fn described(text: &str) -> String {
    let mut characters = text.chars().map(|one| if one.is_control() { '\u{fffd}' } else { one });
    let shown: String = characters.by_ref().take(LONGEST_DESCRIPTION).collect();
    shown + if characters.next().is_some() { "…" } else { "" }
}

impl Said {
    /// The first line; nothing where no word of it is known. Unknown words beside known ones are passed over, as HAProxy
    /// does, so that agents can say what others understand.
    pub(super) fn read(text: &str) -> Option<Self> {
        let line = text.split(['\r', '\n']).next().unwrap_or_default();
        let (words, description) = match line.split_once('#') {
            Some((words, description)) => (words, Some(description.trim())),
            None => (line, None),
        };
        let mut said = Self::default();
        let mut known = 0;
        let words = words.split([' ', '\t', ',']).filter(|word| !word.is_empty());
        for word in words.clone() {
            known += usize::from(said.take(&word.to_ascii_lowercase()));
        }
        said.are_all_known = known == words.count();
        said.description = description.filter(|text| !text.is_empty()).map(described);
        (known > 0).then_some(said)
    }

    /// The same of a program that may not speak of itself at all: nothing where a word is not known.
    pub(super) fn read_strictly(text: &str) -> Option<Self> {
        Self::read(text).filter(|said| said.are_all_known)
    }

    /// Whether the word is known.
    fn take(&mut self, word: &str) -> bool {
        match word {
            "up" => self.down = None,
            "down" | "fail" | "failed" | "stopped" => self.down = Some(word.to_owned()),
            "ready" => self.report.state = Some(AdminState::Ready),
            "drain" => self.report.state = Some(AdminState::Drain),
            "maint" => self.report.state = Some(AdminState::Maint),
            _ => {
                let weight = word.strip_prefix("weight:").map(number);
                let weight = weight.map(|number| number.map(ReportedWeight::Absolute));
                let percent = word.strip_suffix('%').map(number);
                let percent = percent.map(|number| number.map(ReportedWeight::Percent));
                return match weight.or(percent) {
                    Some(Some(weight)) => {
                        self.report.weight = Some(weight);
                        true
                    }
                    Some(None) => false,
                    // Connections are not ours to count.
                    None => word.strip_prefix("maxconn:").and_then(number).is_some(),
                };
            }
        }
        true
    }

    /// What it means for a probe that took so long.
    pub(super) fn into_outcome(self, took: Duration) -> Outcome {
        let Self { down, mut report, description, .. } = self;
        if report.state.is_some() || report.weight.is_some() {
            report.description.clone_from(&description);
        }
        match down {
            None => Outcome::Success { took, report },
            Some(word) => {
                let description = description.map(|text| format!(" ({text})")).unwrap_or_default();
                Outcome::Failure { cause: format!("it says {word}{description}"), report }
            }
        }
    }
}

/// Digits alone; more than anybody means is the most that there is.
fn number(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u16::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was said, as `down` word, state, weight and description.
    fn shown(text: &str) -> String {
        let Some(Said { down, report, description, .. }) = Said::read(text) else {
            return "nothing".to_owned();
        };
        let state = report.state.map(|state| state.to_string());
        let weight = report.weight.map(|weight| match weight {
            ReportedWeight::Absolute(weight) => format!("={weight}"),
            ReportedWeight::Percent(percent) => format!("{percent}%"),
        });
        [down, state, weight, description].map(|part| part.unwrap_or("-".to_owned())).join(" ")
    }

    #[test]
    fn lines() {
        for (text, expected) in [
            ("up\n", "- - - -"),
            ("UP", "- - - -"),
            ("up ready\r\n", "- ready - -"),
            ("ready", "- ready - -"),
            ("drain\n", "- drain - -"),
            ("maint,50%\n", "- maint 50% -"),
            ("75%\n", "- - 75% -"),
            ("0%", "- - 0% -"),
            ("200%", "- - 200% -"),
            ("99999999%", "- - 65535% -"),
            ("weight:7", "- - =7 -"),
            ("up 75% maxconn:30", "- - 75% -"),
            ("\tready , up\t80%", "- ready 80% -"),
            ("down", "down - - -"),
            ("fail", "fail - - -"),
            ("failed", "failed - - -"),
            ("stopped # by the operator\n", "stopped - - by the operator"),
            ("down#disk full", "down - - disk full"),
            ("down drain 10%#", "down drain 10% -"),
            // The last one of a kind counts.
            ("down up", "- - - -"),
            ("drain ready", "- ready - -"),
            // The first line only.
            ("up\ndown\n", "- - - -"),
            // Unknown words.
            ("up hello", "- - - -"),
            ("hello", "nothing"),
            ("", "nothing"),
            ("\nup", "nothing"),
            ("# up", "nothing"),
            ("%", "nothing"),
            ("-5%", "nothing"),
            ("1.5%", "nothing"),
            ("weight:", "nothing"),
            ("weight:x", "nothing"),
            ("maxconn:", "nothing"),
            ("HTTP/1.1 400 Bad Request", "nothing"),
        ] {
            assert_eq!(shown(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_no_report_is_none() {
        for (text, is_report) in [
            ("up 50%", true),
            ("drain # for the night", true),
            ("", false),
            ("all is well", false),
            ("PING OK - Packet loss = 0%, RTA = 0.8 ms", false),
            ("all tests ok, 0 failed", false),
        ] {
            assert_eq!(Said::read_strictly(text).is_some(), is_report, "{text}");
        }
    }

    #[test]
    fn descriptions_are_fit_to_be_shown() {
        let described = |text: &str| Said::read(text).expect("known words").description.expect("one");
        assert_eq!(described("down # a\0b\x1b]0;c"), "a\u{fffd}b\u{fffd}]0;c");
        assert_eq!(described(&format!("down # {}", "é".repeat(201))), "é".repeat(200) + "…");
    }

    #[test]
    fn down_tells_why() {
        let outcome = |text| Said::read(text).expect("known words").into_outcome(Duration::ZERO);
        assert_eq!(outcome("down"), Outcome::failure("it says down"));
        assert_eq!(outcome("stopped#by hand"), Outcome::failure("it says stopped (by hand)"));
        assert_eq!(outcome("up # well"), Outcome::success(Duration::ZERO));
        assert_eq!(outcome("down maint").report().state, Some(AdminState::Maint));
    }
}
