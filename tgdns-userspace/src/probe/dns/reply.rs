//! What a reply says.

use std::net::IpAddr;

use hickory_proto::{
    op::{Message, MessageType},
    rr::{RData, Record},
};

use crate::cluster::{Dns, rcode_as_text};

pub(super) struct Reply(Message);

impl Reply {
    /// None where it is no reply to the question.
    pub(super) fn read(bytes: &[u8], question: &Message) -> Option<Self> {
        let message = Message::from_vec(bytes).ok()?;
        let is_reply = message.metadata.message_type == MessageType::Response
            && message.metadata.id == question.metadata.id
            && message.queries == question.queries;
        is_reply.then_some(Self(message))
    }

    /// # Errors
    /// Why it is not what was wanted.
    pub(super) fn judge(&self, dns: &Dns) -> Result<(), String> {
        let Message { metadata, answers, .. } = &self.0;
        let rcode = metadata.response_code;
        if !dns.rcodes.contains(&rcode) {
            return Err(format!("rcode {}, wanted {}", rcode_as_text(rcode), dns.rcodes_as_text()));
        }
        let Some(wanted) = dns.address else { return Ok(()) };
        let addresses: Vec<IpAddr> = answers.iter().filter_map(address).collect();
        if addresses.contains(&wanted) {
            return Ok(());
        }
        let told = match addresses.as_slice() {
            _ if metadata.truncation => "answer is truncated: set transport = \"tcp\"".to_owned(),
            [] => format!("no address in the answer, wanted {wanted}"),
            [first] => format!("answer {first}, wanted {wanted}"),
            [first, more @ ..] => format!("answer {first} and {} more, wanted {wanted}", more.len()),
        };
        Err(told)
    }
}

fn address(record: &Record) -> Option<IpAddr> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "no other type of record is an address")]
    match &record.data {
        RData::A(address) => Some(address.0.into()),
        RData::AAAA(address) => Some(address.0.into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::{
        op::{OpCode, Query, ResponseCode},
        rr::{Name, RecordType, rdata::A},
    };

    use super::*;
    use crate::cluster::Transport;

    #[test]
    fn replies_are_judged() {
        let [wanted, other] = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse().expect("an address"));
        for (rcode, answers, truncated, address, expected) in [
            (ResponseCode::NoError, vec![], false, None, Ok(())),
            (ResponseCode::NXDomain, vec![], false, None, Ok(())),
            (ResponseCode::Refused, vec![], false, None, Err("rcode REFUSED, wanted NOERROR, NXDOMAIN")),
            (ResponseCode::Unknown(14), vec![], false, None, Err("rcode 14, wanted NOERROR, NXDOMAIN")),
            (ResponseCode::NoError, vec![other, wanted], false, Some(wanted), Ok(())),
            (
                ResponseCode::NoError,
                vec![],
                false,
                Some(wanted),
                Err("no address in the answer, wanted 192.0.2.1"),
            ),
            (
                ResponseCode::NoError,
                vec![other],
                false,
                Some(wanted),
                Err("answer 192.0.2.2, wanted 192.0.2.1"),
            ),
            (
                ResponseCode::NoError,
                vec![other, other, other],
                false,
                Some(wanted),
                Err("answer 192.0.2.2 and 2 more, wanted 192.0.2.1"),
            ),
            (
                ResponseCode::NoError,
                vec![],
                true,
                Some(wanted),
                Err("answer is truncated: set transport = \"tcp\""),
            ),
        ] {
            let mut reply = reply();
            reply.metadata.response_code = rcode;
            reply.metadata.truncation = truncated;
            for address in &answers {
                reply.add_answer(Record::from_rdata(name(), 1, RData::A(A(*address))));
            }
            let address = address.map(IpAddr::V4);
            let rcodes = vec![ResponseCode::NoError, ResponseCode::NXDomain];
            let dns =
                Dns { name: name(), record_type: RecordType::A, transport: Transport::Udp, rcodes, address };
            let outcome = Reply(reply).judge(&dns);
            assert_eq!(outcome, expected.map_err(str::to_owned), "{rcode:?} {answers:?}");
        }
    }

    #[test]
    fn what_answers_another_question_is_no_reply() {
        let mut question = reply();
        question.metadata.message_type = MessageType::Query;
        let is_reply = |change: &dyn Fn(&mut Message)| {
            let mut reply = reply();
            change(&mut reply);
            Reply::read(&reply.to_vec().expect("a message"), &question).is_some()
        };
        assert!(is_reply(&|_| ()));
        assert!(is_reply(&|reply| reply.metadata.recursion_available = true));
        assert!(!is_reply(&|reply| reply.metadata.id ^= 1), "another identifier");
        assert!(!is_reply(&|reply| reply.metadata.message_type = MessageType::Query), "a query");
        assert!(!is_reply(&|reply| reply.queries.clear()), "no question");
        assert!(!is_reply(&|reply| reply.queries = vec![Query::query(name(), RecordType::AAAA)]), "AAAA");
        assert!(Reply::read(b"no message", &question).is_none());
    }

    fn reply() -> Message {
        let mut message = Message::new(7, MessageType::Response, OpCode::Query);
        message.add_query(Query::query(name(), RecordType::A));
        message
    }

    fn name() -> Name {
        Name::from_ascii("www.example.com.").expect("a name")
    }
}
