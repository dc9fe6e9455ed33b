//! One query and what two servers said to it.

use tgdns_common::transport::Transport;

use super::message::{Message, OPT, Record};

/// In place of an RCODE.
pub(super) const SILENCE: u16 = u16::MAX;
const EXTENDED_ERROR: u16 = 15;

/// One query and two replies to it.
pub(super) struct Case<'m> {
    pub(super) transport: Transport,
    pub(super) asked: &'m Message,
    /// Of the query, in bytes.
    pub(super) length: usize,
    pub(super) ours: Option<&'m Message>,
    pub(super) theirs: Option<&'m Message>,
}

impl Case<'_> {
    /// Ours and theirs.
    pub(super) fn rcodes(&self) -> (u16, u16) {
        let rcode = |reply: Option<&Message>| reply.map_or(SILENCE, Message::rcode);
        (rcode(self.ours), rcode(self.theirs))
    }

    /// Something about our reply, with the flags of the query, and about theirs.
    pub(super) fn both(
        &self,
        ours: impl FnOnce(&Message, u16) -> bool,
        theirs: impl FnOnce(&Message) -> bool,
    ) -> bool {
        self.ours.is_some_and(|reply| ours(reply, self.asked.flags)) && self.theirs.is_some_and(theirs)
    }

    pub(super) fn theirs_lacks_question(&self) -> bool {
        self.both(
            |reply, _| reply.questions.get(..1) == self.asked.questions.get(..1),
            |reply| reply.questions.is_empty(),
        )
    }

    /// We say what they would say if they did not say that.
    pub(super) fn is_answered_against(&self, rcode: u16) -> bool {
        let (ours, theirs) = self.rcodes();
        theirs == rcode && ours != rcode && ours != SILENCE
    }

    /// All of the message can be read, and there is more than the question and OPT.
    pub(super) fn has_more_records(&self) -> bool {
        self.asked.fault.is_none()
            && self.asked.records.iter().any(|record| record.section < 3 || record.r#type != OPT)
    }

    pub(super) fn is_answered_against_any(&self) -> bool {
        let (ours, theirs) = self.rcodes();
        ours != theirs && ours != SILENCE && theirs != SILENCE
    }

    pub(super) fn has_unknown_version(&self) -> bool {
        self.asked.opt().is_some_and(|opt| opt.edns_version() != 0)
    }

    pub(super) fn asks_twice(&self, code: u16) -> bool {
        let options = self.asked.opt().and_then(Record::options).unwrap_or_default();
        options.iter().filter(|(known, _)| *known == code).count() > 1
    }

    pub(super) fn asked_type(&self, r#type: u16) -> bool {
        self.asked.question().is_some_and(|question| question.r#type == r#type)
    }

    pub(super) fn asked_for(&self, r#type: u16, class: u16) -> bool {
        self.asked.question().is_some_and(|question| (question.r#type, question.class) == (r#type, class))
    }
}

/// The code of the EDE option.
pub(super) fn extended_error(reply: &Message) -> Option<u16> {
    let options = reply.opt()?.options()?;
    let (_, data) = options.iter().find(|(code, _)| *code == EXTENDED_ERROR)?;
    Some(u16::from_be_bytes(data.get(..2)?.try_into().ok()?))
}
