//! The responder: plan, then apply.
//!
//! `plan` borrows the packet shared, so it can't have changed it, and every reason that it gives leaves the packet
//! to others. `apply` changes it.
//!
//! ```text
//! frame -> envelope -> query -> view -> answer set -> reply
//! ```

use core::hint::black_box;

use crate::{
    answer::Answer,
    checksum,
    counter::Kind,
    envelope::Envelope,
    packet::{Packet, forget},
    query::{Query, Question},
    reason::Reason,
    reply,
    tables::{Address, Tables},
};

/// What a frame is answered with.
pub struct Reply<'t> {
    envelope: Envelope,
    message: MessageReply<'t>,
}

/// What a message is answered with.
pub struct MessageReply<'t> {
    query: Query,
    answer: Answer<'t>,
}

/// Decides what a frame is answered with.
///
/// # Errors
/// The reason why it is not; its verdict says what becomes of the frame.
#[inline(always)]
pub fn plan<'t, P: Packet, T: Tables>(
    packet: &P,
    tables: &'t T,
    question: &mut Question,
) -> Result<Reply<'t>, Reason> {
    let envelope = Envelope::parse(packet)?;
    let settings = tables.settings().ok_or(Reason::NotOurAddress)?;
    envelope.admit(tables, settings)?;
    let message = forget::<127>(packet, envelope.message);
    let query = Query::parse(packet, message, envelope.message_length, question)?;
    if envelope.has_checksum && !checksum::is_right(envelope.sum + query.sum) {
        return Err(Reason::UdpChecksum);
    }
    let answer = Answer::find(packet, &query, black_box(question), tables, settings, envelope.source)?;
    Ok(Reply { envelope, message: MessageReply { query, answer } })
}

/// Turns the frame into its reply.
///
/// # Errors
/// `NoRoom`, with the frame as it was, or `Write`, which can't be undone.
#[inline(always)]
pub fn apply<P: Packet>(packet: &mut P, reply: &Reply<'_>, question: &Question) -> Result<(), Reason> {
    let Reply { envelope, message } = reply;
    let length = message.answer.message_length;
    packet.resize(envelope.frame_length(length))?;
    let offset = forget::<127>(packet, envelope.message);
    let sum = reply::write(packet, offset, &message.query, black_box(question), &message.answer)?;
    envelope.write_reply(packet, length, sum)
}

/// Decides what a message is answered with: one that a client sent as the payload of a datagram, alone in its packet.
///
/// # Errors
/// The reason why it is not answered.
pub fn plan_message<'t, P: Packet, T: Tables>(
    packet: &P,
    client: Address,
    tables: &'t T,
    question: &mut Question,
) -> Result<MessageReply<'t>, Reason> {
    let query = Query::parse(packet, 0, packet.length(), question)?;
    let settings = tables.settings().ok_or(Reason::UnknownName)?;
    let answer = Answer::find(packet, &query, question, tables, settings, client)?;
    Ok(MessageReply { query, answer })
}

/// Turns the message into its reply.
///
/// # Errors
/// `NoRoom`, with the message as it was, or `Write`.
pub fn apply_message<P: Packet>(
    packet: &mut P,
    reply: &MessageReply<'_>,
    question: &Question,
) -> Result<(), Reason> {
    packet.resize(reply.answer.message_length)?;
    reply::write(packet, 0, &reply.query, question, &reply.answer).map(|_sum| ())
}

impl Reply<'_> {
    /// The kind of answer that it is.
    pub fn kind(&self) -> Kind {
        self.message.answer.kind
    }
}

impl MessageReply<'_> {
    /// The kind of answer that it is.
    pub fn kind(&self) -> Kind {
        self.answer.kind
    }
}
