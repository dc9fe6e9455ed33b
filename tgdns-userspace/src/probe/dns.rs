//! Does a DNS server answer a question as it should?
//!
//! A message that is no reply to the question is no verdict, as anybody may have sent it: the probe waits on.

mod reply;

#[cfg(test)]
mod tests;

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use hickory_proto::op::{Message, MessageType, OpCode, Query};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, UdpSocket},
};

use self::reply::Reply;
use super::{
    Destination,
    connect::no_source,
    datagram,
    deadline::{Deadline, Failure},
};
use crate::{
    cluster::{Dns, Transport},
    health::Outcome,
};

const WAITING: &str = "while waiting for the reply";

/// Asks one question.
pub(super) async fn probe(dns: &Dns, destination: &Destination, timeout: Duration) -> io::Result<Outcome> {
    let deadline = Deadline::starts_now(timeout);
    deadline.judge(prove(dns, destination, &deadline).await)
}

async fn prove(dns: &Dns, destination: &Destination, deadline: &Deadline) -> Result<Option<String>, Failure> {
    let question = question(dns);
    let message = question.to_vec().map_err(|error| Failure::Own(io::Error::other(error)))?;
    let reply = match dns.transport {
        Transport::Udp => {
            let socket = connect(destination).await?;
            socket.send(&message).await.map_err(Failure::of_socket)?;
            deadline.step(WAITING, receive(&socket, &question)).await?
        }
        Transport::Tcp => {
            let stream = deadline.connect(destination).await?;
            deadline.step(WAITING, converse(stream, &message, &question)).await?
        }
    };
    reply.judge(dns).map_err(Failure::Server)?;
    Ok(None)
}

fn question(dns: &Dns) -> Message {
    let mut message = Message::new(fastrand::u16(..), MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(dns.name.clone(), dns.record_type));
    message
}

async fn connect(destination: &Destination) -> Result<UdpSocket, Failure> {
    let any = match destination.address {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let source = destination.source.unwrap_or(any);
    let socket = UdpSocket::bind((source, 0)).await;
    let socket = socket.map_err(|error| Failure::Own(no_source(source, &error)))?;
    socket.connect(destination.address).await.map_err(Failure::of_socket)?;
    Ok(socket)
}

async fn receive(socket: &UdpSocket, question: &Message) -> Result<Reply, Failure> {
    let mut buffer = [0; 4096];
    loop {
        let length = datagram::receive(socket, &mut buffer).await.map_err(Failure::of_socket)?;
        if let Some(reply) = Reply::read(buffer.get(..length).unwrap_or_default(), question) {
            return Ok(reply);
        }
    }
}

/// RFC 1035 4.2.2: each message behind its length.
async fn converse(mut stream: TcpStream, message: &[u8], question: &Message) -> Result<Reply, Failure> {
    let length = u16::try_from(message.len()).unwrap_or_default().to_be_bytes();
    stream.write_all(&[&length, message].concat()).await.map_err(Failure::of_socket)?;
    loop {
        let length = stream.read_u16().await.map_err(closed)?;
        let mut buffer = vec![0; length.into()];
        stream.read_exact(&mut buffer).await.map_err(closed)?;
        if let Some(reply) = Reply::read(&buffer, question) {
            return Ok(reply);
        }
    }
}

fn closed(error: io::Error) -> Failure {
    match error.kind() == io::ErrorKind::UnexpectedEof {
        true => Failure::Server("connection closed before the reply".to_owned()),
        false => Failure::of_socket(error),
    }
}
