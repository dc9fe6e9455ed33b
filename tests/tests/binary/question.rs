//! A client's questions, of either family and for either type.

use std::{
    io::ErrorKind,
    net::{IpAddr, SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use hickory_proto::{
    op::{Message, MessageType, OpCode, Query},
    rr::{Name, RecordType},
};

pub(crate) const PATIENCE: Duration = Duration::from_millis(500);

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
        let mut question = Message::query();
        question.metadata.message_type = MessageType::Query;
        question.metadata.op_code = OpCode::Query;
        question.metadata.recursion_desired = true;
        question.add_query(Query::query(Name::from_ascii(name)?, record_type));
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
                let records = answer.answers.iter();
                let mut addresses: Vec<_> = records.filter_map(|record| record.data.ip_addr()).collect();
                addresses.sort();
                return Ok(Some(addresses));
            }
        }
    }

    /// The addresses of a name, sorted; somebody has to answer.
    pub(crate) fn addresses(&self, name: &str, record_type: RecordType) -> Result<Vec<IpAddr>> {
        let answer = self.ask(name, record_type, PATIENCE)?;
        answer.with_context(|| format!("{} does not answer", self.server))
    }
}

/// Addresses from text.
pub(crate) fn ips(texts: &[&str]) -> Result<Vec<IpAddr>> {
    texts.iter().map(|text| text.parse().with_context(|| (*text).to_owned())).collect()
}
