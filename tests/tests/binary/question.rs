//! A client's questions, of either family and for either type.

use std::{
    io::ErrorKind,
    net::{IpAddr, SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow};
use hickory_proto::{
    op::{Edns, Message, MessageType, OpCode, Query, ResponseCode},
    rr::{Name, RecordType},
};
use tests::lab::wait;

pub(crate) const PATIENCE: Duration = Duration::from_millis(500);
/// From a change to the answer that follows, on a busy machine.
pub(crate) const SETTLING: Duration = Duration::from_secs(20);

/// A client at an address of its own.
pub(crate) struct Client {
    socket: UdpSocket,
    server: SocketAddr,
}

impl Client {
    pub(crate) fn new(socket: UdpSocket, server: IpAddr) -> Self {
        Self { socket, server: SocketAddr::new(server, 53) }
    }

    /// The addresses of a name, sorted; nothing where nobody answers in time.
    pub(crate) fn ask(
        &self,
        name: &str,
        record_type: RecordType,
        at_most: Duration,
    ) -> Result<Option<Vec<IpAddr>>> {
        let answer = self.message(name, record_type, at_most)?;
        Ok(answer.map(|answer| {
            let mut addresses = addresses(&answer);
            addresses.sort();
            addresses
        }))
    }

    /// The whole answer; nothing where nobody answers in time.
    pub(crate) fn message(
        &self,
        name: &str,
        record_type: RecordType,
        at_most: Duration,
    ) -> Result<Option<Message>> {
        self.reply(name, record_type, false, at_most)
    }

    /// The same, with EDNS or without.
    pub(crate) fn reply(
        &self,
        name: &str,
        record_type: RecordType,
        with_edns: bool,
        at_most: Duration,
    ) -> Result<Option<Message>> {
        let mut question = Message::query();
        question.metadata.message_type = MessageType::Query;
        question.metadata.op_code = OpCode::Query;
        question.metadata.recursion_desired = true;
        question.add_query(Query::query(Name::from_ascii(name)?, record_type));
        question.edns = with_edns.then(Edns::new);
        let identifier = question.metadata.id;
        self.socket.send_to(&question.to_vec()?, self.server).context("asking")?;

        let until = Instant::now() + at_most;
        let mut buffer = [0; 1500];
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            self.socket.set_read_timeout(Some(left))?;
            let length = match self.socket.recv(&mut buffer) {
                Ok(length) => length,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
                Err(error) => return Err(error).context("waiting for an answer"),
            };
            let answer = Message::from_vec(buffer.get(..length).unwrap_or_default())?;
            // The late answer to an earlier question is not this one's.
            if answer.metadata.id == identifier {
                return Ok(Some(answer));
            }
        }
    }

    /// The addresses of a name, as they are in the answer; somebody has to answer.
    pub(crate) fn in_order(&self, name: &str) -> Result<Vec<IpAddr>> {
        let answer = self.message(name, RecordType::A, PATIENCE)?;
        answer.as_ref().map(addresses).with_context(|| format!("{} does not answer", self.server))
    }

    /// Asks for the addresses of a name until the answer is as it should be.
    pub(crate) fn wait_for(&self, name: &str, is_right: impl Fn(&Message) -> bool) -> Result<()> {
        wait::until(name, SETTLING, || {
            Ok(match self.message(name, RecordType::A, PATIENCE)? {
                Some(answer) if is_right(&answer) => Ok(()),
                answer => Err(anyhow!("{answer:?}")),
            })
        })
        .map(drop)
    }

    /// As [`Self::wait_for`], until the answer has these addresses, in any order, and no error.
    pub(crate) fn wait_for_addresses(&self, name: &str, expected: &[IpAddr]) -> Result<()> {
        let mut expected = expected.to_vec();
        expected.sort();
        let is_right = |answer: &Message| {
            let mut found = addresses(answer);
            found.sort();
            answer.metadata.response_code == ResponseCode::NoError && found == expected
        };
        self.wait_for(name, is_right).with_context(|| format!("waiting for {expected:?}"))
    }

    /// The addresses of a name, sorted; somebody has to answer.
    pub(crate) fn addresses(&self, name: &str, record_type: RecordType) -> Result<Vec<IpAddr>> {
        let answer = self.ask(name, record_type, PATIENCE)?;
        answer.with_context(|| format!("{} does not answer", self.server))
    }
}

/// The addresses of an answer in their order.
pub(crate) fn addresses(answer: &Message) -> Vec<IpAddr> {
    answer.answers.iter().filter_map(|record| record.data.ip_addr()).collect()
}

/// Addresses from text.
pub(crate) fn ips(texts: &[&str]) -> Result<Vec<IpAddr>> {
    texts.iter().map(|text| text.parse().with_context(|| (*text).to_owned())).collect()
}
