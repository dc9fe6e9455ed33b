//! What is said of a server beside its probes' verdicts: by people, by itself, and by this host, which may not be able to
//! probe it; and of a cluster, whose answers may be chosen by another rule. Pure.

use std::{collections::VecDeque, time::Instant};

use serde::{Deserialize, Serialize};

use crate::admin::AdminState;

/// Remarks on one subject that are remembered, so that one that changes often pushes out no other.
const REMEMBERED: usize = 8;

/// What a remark on probing says.
pub const PROBED: &str = "probed";
pub const NOT_PROBED: &str = "not probed";

/// What a remark is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// The state that people want: `ready`, `drain` or `maint`.
    Admin,
    /// The same by the server's own word.
    Reported,
    /// Its weight became 0, or is 0 no longer, by the server's own word.
    Weight,
    /// Whether this host can probe it: `probed` or `not probed`.
    Probing,
    /// By which rule a cluster's answers are chosen: `live`, or what `all_down` says.
    Answers,
}

impl Subject {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Reported => "reported",
            Self::Weight => "weight",
            Self::Probing => "probing",
            Self::Answers => "answers",
        }
    }
}

/// Something that was said anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    pub subject: Subject,
    pub from: String,
    pub to: String,
    /// For people: "a new fan", "it says drain".
    pub cause: String,
    /// When it ends by itself, in seconds since 1970.
    pub until: Option<u64>,
    pub at: Instant,
}

impl Remark {
    /// What people, or the server itself, want from then on, where the subject is that.
    pub fn state(&self) -> AdminState {
        let mut states = [AdminState::Drain, AdminState::Maint].into_iter();
        states.find(|state| state.as_str() == self.to).unwrap_or_default()
    }

    /// Whether it says that this host cannot probe the server.
    pub fn is_impediment(&self) -> bool {
        self.subject == Subject::Probing && self.to == NOT_PROBED
    }
}

/// The last ones on a server, the latest at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remarks(VecDeque<Remark>);

impl FromIterator<Remark> for Remarks {
    /// The oldest first.
    fn from_iter<I: IntoIterator<Item = Remark>>(said: I) -> Self {
        let mut remarks = Self::default();
        said.into_iter().for_each(|remark| remarks.push(remark));
        remarks
    }
}

impl Remarks {
    pub fn push(&mut self, remark: Remark) {
        let same = |(place, other): (usize, &Remark)| (other.subject == remark.subject).then_some(place);
        let places: Vec<usize> = self.0.iter().enumerate().filter_map(same).collect();
        if let Some(oldest) = places.first().filter(|_| places.len() >= REMEMBERED) {
            self.0.remove(*oldest);
        }
        self.0.push_back(remark);
    }

    pub fn iter(&self) -> impl Iterator<Item = &Remark> {
        self.0.iter()
    }

    /// What was said last of a subject.
    pub fn last(&self, subject: Subject) -> Option<&Remark> {
        self.on(subject).next()
    }

    /// The same, where what was said only gave another cause for what was so already aside.
    pub fn last_change(&self, subject: Subject) -> Option<&Remark> {
        self.on(subject).find(|remark| remark.from != remark.to)
    }

    /// Why this host cannot probe the server, by all that was said since it could; the latest first.
    pub fn impediments(&self) -> impl Iterator<Item = &Remark> {
        self.on(Subject::Probing).take_while(|remark| remark.is_impediment())
    }

    /// Takes over of what was said of another server of the same name that this host cannot probe it.
    pub fn keep_impediments(&mut self, other: &Self) {
        let said: Vec<Remark> = other.impediments().cloned().collect();
        said.into_iter().rev().for_each(|remark| self.push(remark));
    }

    /// The latest first.
    fn on(&self, subject: Subject) -> impl Iterator<Item = &Remark> {
        self.0.iter().rev().filter(move |remark| remark.subject == subject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_that_changes_often_pushes_out_no_other() {
        let remark = |subject, to: &str| Remark {
            subject,
            from: String::new(),
            to: to.to_owned(),
            cause: String::new(),
            until: None,
            at: Instant::now(),
        };
        let mut remarks = Remarks::default();
        remarks.push(remark(Subject::Admin, "maint"));
        for number in 0..100 {
            remarks.push(remark(Subject::Reported, &number.to_string()));
        }
        assert_eq!(remarks.last(Subject::Admin).map(|remark| remark.to.as_str()), Some("maint"));
        let reported: Vec<&str> = remarks.iter().skip(1).map(|remark| remark.to.as_str()).collect();
        assert_eq!(reported, ["92", "93", "94", "95", "96", "97", "98", "99"]);
    }
}
