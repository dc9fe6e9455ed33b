//! The responder: plan, then apply.
//!
//! `plan` borrows the packet shared, so it can't have changed it, and every reason that it gives leaves the packet
//! to others. `apply` changes it.
//!
//! ```text
//! frame -> envelope -> query -> view -> answer set -> reply
//! ```
//!
//! `to_frame` is the fast path, `to_message` the slow path: a plain query takes the same way without the envelope. What is none is read as a `request`,
//! judged by `authority` and answered by `compose`.

use crate::{
    answer::Answer,
    authority, checksum, compose,
    counter::Counter,
    envelope::Envelope,
    finding::Finding,
    packet::{Packet, forget},
    query::{Query, Question},
    rate::{self, Verdict},
    reason::Reason,
    reply,
    request::Request,
    stale::Stale,
    tables::{Address, Settings, Tables, limited},
    transport::Transport,
    wire::dns::rcode,
    zones::Zones,
};

/// What a frame is answered with: a message, or over the limit no more than that it is to be asked for over TCP.
enum Plan<'t> {
    Answer(MessageReply<'t>),
    Slip(Query),
}

/// What a plain query is answered with.
struct MessageReply<'t> {
    query: Query,
    answer: Answer<'t>,
}

/// Answers a frame, and tells what that was counted as.
///
/// # Errors
/// The reason why it is not answered; its verdict says what becomes of the frame.
#[inline(always)]
pub fn to_frame<P: Packet, T: Tables>(
    packet: &mut P,
    tables: &T,
    question: &mut Question,
) -> Result<Counter, Reason> {
    // Two copies of all that follows: the one for most frames has constants for their offsets.
    match Envelope::parse_plainest(packet) {
        Some(envelope) => reply_in(envelope?, packet, tables, question),
        None => reply_in(Envelope::parse(packet)?, packet, tables, question),
    }
}

#[inline(always)]
fn reply_in<P: Packet, T: Tables>(
    envelope: Envelope,
    packet: &mut P,
    tables: &T,
    question: &mut Question,
) -> Result<Counter, Reason> {
    let reply = match plan(&envelope, packet, tables, question)? {
        Plan::Answer(reply) => reply,
        Plan::Slip(query) => return slip(&envelope, packet, &query, tables),
    };
    let Counter(counter) = reply.answer.counter();
    let counter = Counter(forget::<63>(packet, counter.into()) as u8);
    apply(&envelope, packet, &reply, question).inspect_err(|_| tables.uncount(counter))?;
    Ok(counter)
}

/// Decides what a frame is answered with.
///
/// # Errors
/// The reason why it is not.
#[inline(always)]
fn plan<'t, P: Packet, T: Tables>(
    envelope: &Envelope,
    packet: &P,
    tables: &'t T,
    question: &mut Question,
) -> Result<Plan<'t>, Reason> {
    let settings = tables.settings().ok_or(Reason::NotOurAddress)?;
    envelope.admit(tables, settings)?;
    let verdict = judge(envelope, packet, tables, settings)?;
    let query = match read(envelope, packet, settings, question) {
        // Nobody is told what to do by a query that can't be read.
        Err(_) if verdict.is(Verdict::Slip) => return Err(Reason::RateLimited),
        read => read?,
    };
    if verdict.is(Verdict::Slip) {
        return Ok(Plan::Slip(query));
    }
    let client = (envelope.source, Stale::new(packet, tables, settings));
    let answer = Answer::find(packet, &query, packet.hide_behind(question), tables, settings, client)?;
    if verdict.is(Verdict::Drop) {
        tables.uncount(answer.counter());
        return Err(Reason::RateLimited);
    }
    Ok(Plan::Answer(MessageReply { query, answer }))
}

/// Judges how often the client asks, before its query is read: a flood that is not even passed up costs least. Where others than
/// this controller may get what is passed up, only answers are limited, so the verdict waits until there is one.
///
/// # Errors
/// `RateLimited`.
#[inline(always)]
fn judge<P: Packet, T: Tables>(
    envelope: &Envelope,
    packet: &P,
    tables: &T,
    settings: &Settings,
) -> Result<Forgotten, Reason> {
    let verdict = match rate::concerns(settings.limited, envelope.source) {
        true => tables.judge_rate(envelope.source),
        false => Verdict::Answer,
    };
    if verdict == Verdict::Drop && settings.limited & limited::PASSED != 0 {
        return Err(Reason::RateLimited);
    }
    Ok(Forgotten(packet.forget(verdict as u64)))
}

/// A verdict of which the verifier knows nothing, so that it walks what follows once and not for each one.
#[derive(Clone, Copy)]
struct Forgotten(u64);

impl Forgotten {
    #[inline(always)]
    fn is(self, verdict: Verdict) -> bool {
        self.0 == verdict as u64
    }
}

/// Reads the query.
///
/// # Errors
/// Why it is no plain one, or not whole.
#[inline(always)]
fn read<P: Packet>(
    envelope: &Envelope,
    packet: &P,
    settings: &Settings,
    question: &mut Question,
) -> Result<Query, Reason> {
    let query = Query::parse(packet, envelope.message, envelope.message_length, settings.options, question)?;
    if envelope.has_checksum && !checksum::is_right(envelope.sum + query.sum) {
        return Err(Reason::UdpChecksum);
    }
    Ok(query)
}

/// Leaves the answer out.
///
/// # Errors
/// `Write`.
#[inline(always)]
fn slip<P: Packet, T: Tables>(
    envelope: &Envelope,
    packet: &mut P,
    query: &Query,
    tables: &T,
) -> Result<Counter, Reason> {
    let length = reply::truncated_length(query);
    packet.shorten(envelope.frame_length(length))?;
    let sum = reply::write_truncated(packet, envelope.message, query)?;
    envelope.write_reply(packet, length, sum)?;
    tables.count(Counter::SLIPPED);
    Ok(Counter::SLIPPED)
}

/// Turns the frame into its reply.
///
/// # Errors
/// `NoRoom`, with the frame as it was, or `Write`, which can't be undone.
#[inline(always)]
fn apply<P: Packet>(
    envelope: &Envelope,
    packet: &mut P,
    reply: &MessageReply<'_>,
    question: &Question,
) -> Result<(), Reason> {
    let length = reply.answer.message_length;
    packet.resize(envelope.frame_length(length))?;
    let question = packet.hide_behind(question);
    let sum = reply::write(packet, envelope.message, &reply.query, question, &reply.answer)?;
    envelope.write_reply(packet, length, sum)
}

/// Turns a message, alone in its packet, into its reply, and tells what it is; where that has no RCODE there is no reply.
pub fn to_message<P: Packet, Z: Zones>(
    packet: &mut P,
    client: Address,
    transport: Transport,
    zones: &Z,
) -> Finding {
    let mut question = Question::new();
    let written = match plan_message(packet, client, transport, zones.tables(), &mut question) {
        Ok(reply) => apply_message(packet, &reply, &question).map(|()| (&reply.answer).into()),
        Err(_) => to_message_by_the_rules(packet, client, transport, zones),
    };
    written.unwrap_or(Finding::NoRoom)
}

/// Decides what a message is answered with, if it is a plain query.
fn plan_message<'t, P: Packet, T: Tables>(
    packet: &P,
    client: Address,
    transport: Transport,
    tables: &'t T,
    question: &mut Question,
) -> Result<MessageReply<'t>, Reason> {
    let settings = tables.settings().ok_or(Reason::UnknownName)?;
    let mut query = Query::parse(packet, 0, packet.length(), settings.options, question)?;
    query.size = transport.largest(query.size);
    let client = (client, Stale::for_sockets(packet, tables, settings));
    let answer = Answer::find(packet, &query, question, tables, settings, client)?;
    Ok(MessageReply { query, answer })
}

fn apply_message<P: Packet>(
    packet: &mut P,
    reply: &MessageReply<'_>,
    question: &Question,
) -> Result<(), Reason> {
    packet.resize(reply.answer.message_length)?;
    reply::write(packet, 0, &reply.query, question, &reply.answer).map(|_sum| ())
}

/// The same for any message, plain or not.
///
/// # Errors
/// `NoRoom` or `Write`.
pub fn to_message_by_the_rules<P: Packet, Z: Zones>(
    packet: &mut P,
    client: Address,
    transport: Transport,
    zones: &Z,
) -> Result<Finding, Reason> {
    let request = match Request::read(packet) {
        Ok(request) => request,
        Err(silent) => return Ok(silent),
    };
    let judgement = authority::judge(packet, &request, client, transport, zones);
    if let Some(rcode) = judgement.finding.rcode() {
        compose::write(packet, &request, &judgement, rcode)?;
    }
    Ok(judgement.finding)
}

/// Turns a message into a reply that leaves the answer out, with TC.
pub fn to_truncated<P: Packet>(packet: &mut P) -> Finding {
    let request = match Request::read(packet) {
        Ok(request) => request,
        Err(silent) => return silent,
    };
    let judgement = authority::slip(&request);
    let written = compose::write(packet, &request, &judgement, rcode::NOERROR);
    written.map_or(Finding::NoRoom, |()| judgement.finding)
}
