//! Where the slow path deliberately answers otherwise than NSD, and why.

use tgdns_common::transport::Transport;

use super::{
    aspects::Aspects,
    case::{Case, SILENCE, extended_error},
    message::{Fault, Message},
};

pub(super) struct Difference {
    pub(super) what: &'static str,
    pub(super) reason: &'static str,
    /// What of it this is the reason for.
    pub(super) explains: fn(&Case<'_>) -> Aspects,
}

const fn difference(
    what: &'static str,
    reason: &'static str,
    explains: fn(&Case<'_>) -> Aspects,
) -> Difference {
    Difference { what, reason, explains }
}

pub(super) const ALL: &[Difference] = &[
    difference("CD is copied, NSD clears it", "RFC 4035 3.1.6 has it copied, as BIND does", |case| {
        when(
            case.both(|reply, asked| reply.flags & CD == asked & CD, |reply| reply.flags & CD == 0),
            Aspects::CD,
        )
    }),
    difference(
        "FORMERR has the question where it can be read, NSD's never has it",
        "a client knows its query by its question, too; as Knot and BIND",
        |case| when(case.rcodes() == (FORMERR, FORMERR) && case.theirs_lacks_question(), Aspects::QUESTION),
    ),
    difference(
        "FORMERR copies RD whatever is wrong, NSD clears it with some faults",
        "RFC 1035 4.1.1 has it copied",
        |case| when(case.rcodes() == (FORMERR, FORMERR), Aspects::RD),
    ),
    difference(
        "errors have AA, TC, RA and Z clear, NSD returns them with some as they came",
        "they would say what is not so; as Knot and BIND",
        |case| {
            let (ours, theirs) = case.rcodes();
            let same = ours == theirs && [NOTIMP, NOTAUTH, BADVERS].contains(&ours);
            let came = case.both(|_, _| true, |reply| reply.flags & STATES & !case.asked.flags == 0);
            when(same && came, Aspects::AA.and(Aspects::TC).and(Aspects::BITS))
        },
    ),
    difference(
        "records beside OPT are overlooked, NSD says FORMERR",
        "what a query carries beyond its question changes nothing; as Knot and BIND",
        |case| when(case.is_answered_against(FORMERR) && case.has_more_records(), Aspects::REPLY),
    ),
    difference(
        "an RCODE in the query is overlooked, NSD says FORMERR",
        "it means nothing there; as Knot and BIND",
        |case| when(case.is_answered_against(FORMERR) && case.asked.flags & 15 != 0, Aspects::REPLY),
    ),
    difference("NOTAUTH for an unknown key has the question, NSD's has not", "as Knot and BIND", |case| {
        when(case.rcodes() == (NOTAUTH, NOTAUTH) && case.theirs_lacks_question(), Aspects::QUESTION)
    }),
    difference("BADVERS copies DO, NSD clears it", "RFC 3225 3 has it copied, as Knot and BIND do", |case| {
        when(case.rcodes() == (BADVERS, BADVERS), Aspects::DO)
    }),
    difference(
        "ANY at an apex gets A or AAAA, NSD's gets the SOA",
        "any one RRset will do (RFC 8482 4.1), and addresses are what is wanted; as Knot",
        |case| when(case.rcodes() == (NOERROR, NOERROR) && case.asked_for(ANY, IN), Aspects::ANSWER),
    ),
    difference(
        "EDE tells of a name outside only, NSD's of foreign classes (21) and zone transfers (18) too",
        "the RCODE says it already; as Knot",
        |case| {
            let is_foreign = case.asked.question().is_some_and(|question| question.class != IN);
            let told = |reply: &Message| {
                extended_error(reply).is_some_and(|code| [18, 21].contains(&code) || is_foreign)
            };
            when(case.both(|reply, _| extended_error(reply).is_none(), told), Aspects::OPTIONS)
        },
    ),
    difference(
        "AXFR over UDP is a FORMERR, NSD says NOTIMP",
        "RFC 5936 4.2 forbids it, and the type is not unknown; as BIND",
        |case| when(case.rcodes() == (FORMERR, NOTIMP) && case.asked_type(AXFR), Aspects::RCODE),
    ),
    difference(
        "zone transfers are REFUSED for any name, NSD says NOTAUTH where no zone begins",
        "they are refused whatever is asked",
        |case| {
            let asked = case.asked_type(AXFR) || case.asked_type(IXFR);
            when(case.rcodes() == (REFUSED, NOTAUTH) && asked, Aspects::RCODE)
        },
    ),
    difference(
        "no question is a FORMERR, with OPT as well, NSD says NOERROR to that",
        "only a cookie makes sense of it (RFC 7873 5.4); as Knot and BIND",
        |case| when(case.rcodes() == (FORMERR, NOERROR) && case.asked.counts[0] == 0, Aspects::RCODE),
    ),
    difference("REFUSED for a foreign class has the question, NSD's has not", "as Knot and BIND", |case| {
        let is_foreign = case.asked.question().is_some_and(|question| ![IN, CHAOS].contains(&question.class));
        when(
            case.rcodes() == (REFUSED, REFUSED) && is_foreign && case.theirs_lacks_question(),
            Aspects::QUESTION,
        )
    }),
    difference(
        "class ANY is REFUSED, NSD looks into all classes",
        "there is one class here, and BIND calls it a FORMERR",
        |case| {
            let is_any = case.asked.question().is_some_and(|question| question.class == ANY);
            when(case.is_answered_against_any() && case.rcodes().0 == REFUSED && is_any, Aspects::REPLY)
        },
    ),
    difference(
        "FORMERR has OPT where it is not at fault: without a question, and for AXFR over UDP; NSD's never has it",
        "RFC 6891 7 has it so; as Knot and BIND",
        |case| {
            let lacks = case.both(|reply, _| reply.opt().is_some(), |reply| reply.opt().is_none());
            let elsewhere = case.asked.counts[0] == 0 || case.asked_type(AXFR);
            let so = case.rcodes() == (FORMERR, FORMERR) && elsewhere && lacks;
            when(so, Aspects::EDNS.and(Aspects::DO).and(Aspects::OPTIONS))
        },
    ),
    difference(
        "NOTIMP has OPT where the message can be read, NSD's never has it",
        "RFC 6891 6.1.1 has it so; as Knot and BIND",
        |case| {
            let lacks = case.both(|reply, _| reply.opt().is_some(), |reply| reply.opt().is_none());
            let so = case.rcodes() == (NOTIMP, NOTIMP) && lacks;
            when(so, Aspects::EDNS.and(Aspects::DO).and(Aspects::OPTIONS))
        },
    ),
    difference(
        "NOTIFY is NOTIMP, NSD has words of its own for it",
        "there is no secondary that could be told",
        |case| when(case.rcodes().0 == NOTIMP && case.asked.opcode() == NOTIFY, Aspects::REPLY),
    ),
    difference(
        "an unknown EDNS version is BADVERS where the records can be read, NSD says FORMERR to what is odd beside it",
        "by that version's rules it may be right; without a question as Knot and BIND",
        |case| when(case.rcodes() == (BADVERS, FORMERR) && case.has_unknown_version(), Aspects::REPLY),
    ),
    difference(
        "an OPT record that is cut off is a FORMERR whatever its version, NSD says BADVERS",
        "the frame of a record is the same in all versions; as Knot",
        |case| {
            let (ours, theirs) = case.rcodes();
            let cut = case.asked.fault == Some(Fault::Record);
            when(ours == FORMERR && [BADVERS, BADVERS | NOTAUTH].contains(&theirs) && cut, Aspects::REPLY)
        },
    ),
    difference(
        "over TCP a message that is shorter than any question has a reply, NSD hangs up",
        "so it is over UDP; as Knot and BIND",
        |case| {
            let short = case.transport == Transport::Tcp && case.length < 17;
            when(case.rcodes().1 == SILENCE && short, Aspects::SILENCE)
        },
    ),
    difference(
        "a reply to a signed query has its identifier as the original one, NSD's what the query says",
        "RFC 8945 4.2 has it so; as Knot and BIND",
        |case| {
            let without = |reply: &Message| {
                let mut data = reply.section(3).last().map(|record| record.data.clone()).unwrap_or_default();
                let at = data.len().saturating_sub(6);
                data.drain(at..data.len().min(at + 2));
                data
            };
            let same = case
                .both(|_, _| true, |theirs| case.ours.is_some_and(|ours| without(ours) == without(theirs)));
            when(case.rcodes() == (NOTAUTH, NOTAUTH) && same, Aspects::ADDITIONAL)
        },
    ),
    difference(
        "NSID that is asked for twice is told once, NSD breaks its OPT record",
        "as Knot and BIND",
        |case| {
            let broken = case.both(|_, _| true, |reply| reply.fault == Some(Fault::Record));
            let opt = Aspects::EDNS.and(Aspects::DO).and(Aspects::OPTIONS);
            when(broken && case.asks_twice(NSID), opt.and(Aspects::ADDITIONAL))
        },
    ),
    difference(
        "DS at an apex within another zone is the inner zone's to deny, NSD asks the outer one",
        "clusters do not delegate to each other",
        |case| when(case.rcodes() == (NOERROR, NOERROR) && case.asked_for(DS, IN), Aspects::AUTHORITY),
    ),
    difference(
        "an unknown EDNS version of a signed query is BADVERS, NSD makes one code of that and NOTAUTH",
        "there is no such code; as Knot",
        |case| when(case.rcodes() == (BADVERS, BADVERS | NOTAUTH), Aspects::REPLY),
    ),
    difference(
        "IXFR with a record that can't be read is a FORMERR, NSD does not read that far",
        "as Knot",
        |case| {
            let (ours, theirs) = case.rcodes();
            let so =
                ours == FORMERR && [REFUSED, NOTAUTH, BADVERS].contains(&theirs) && case.asked_type(IXFR);
            when(so, Aspects::REPLY)
        },
    ),
    difference(
        "a refused IXFR has no records, NSD returns those that came with it",
        "they are the client's own; as Knot",
        |case| when(case.rcodes().0 == REFUSED && case.asked_type(IXFR), Aspects::AUTHORITY),
    ),
    difference(
        "a record whose owner is a pointer to nowhere is overlooked, NSD says FORMERR",
        "names that nobody looks at are not followed",
        |case| {
            let nowhere = case.asked.fault == Some(Fault::Pointer);
            when(case.is_answered_against(FORMERR) && nowhere, Aspects::REPLY)
        },
    ),
];

const CD: u16 = 0x0010;
/// AA, TC, RA, Z and AD.
const STATES: u16 = 0x06e0;
const NOTIFY: u16 = 4;
const IN: u16 = 1;
const CHAOS: u16 = 3;
const DS: u16 = 43;
const IXFR: u16 = 251;
const AXFR: u16 = 252;
/// A type and a class.
const ANY: u16 = 255;
const NSID: u16 = 3;

const NOERROR: u16 = 0;
const FORMERR: u16 = 1;
const NOTIMP: u16 = 4;
const REFUSED: u16 = 5;
const NOTAUTH: u16 = 9;
const BADVERS: u16 = 16;

fn when(so: bool, aspects: Aspects) -> Aspects {
    if so { aspects } else { Aspects::NONE }
}
