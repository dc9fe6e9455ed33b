use hickory_proto::{
    op::ResponseCode,
    rr::{Name, RecordType},
};
use tokio::net::TcpListener;

use super::*;

const TIMEOUT: Duration = Duration::from_millis(300);

/// What a server does with a question.
#[derive(Clone, Copy, Debug)]
enum Behaviour {
    Answer(ResponseCode),
    /// Others' replies and no messages at all, then the reply.
    AnswerLate,
    AnswerAnother,
    Close,
}

#[tokio::test]
async fn replies_are_waited_for() {
    let (answer, refusal) =
        (Behaviour::Answer(ResponseCode::NoError), Behaviour::Answer(ResponseCode::Refused));
    let timed_out = "timed out after 300ms while waiting for the reply";
    for (transport, behaviour, expected) in [
        (Transport::Udp, answer, ""),
        (Transport::Tcp, answer, ""),
        (Transport::Udp, refusal, "rcode REFUSED, wanted NOERROR"),
        (Transport::Tcp, refusal, "rcode REFUSED, wanted NOERROR"),
        (Transport::Udp, Behaviour::AnswerLate, ""),
        (Transport::Tcp, Behaviour::AnswerLate, ""),
        (Transport::Udp, Behaviour::AnswerAnother, timed_out),
        (Transport::Tcp, Behaviour::AnswerAnother, timed_out),
        (Transport::Udp, Behaviour::Close, "connection refused"),
        (Transport::Tcp, Behaviour::Close, "connection closed before the reply"),
    ] {
        let destination = match transport {
            Transport::Udp => udp_server(behaviour).await,
            Transport::Tcp => tcp_server(behaviour).await,
        };
        let name = Name::from_ascii("www.Example.com.").expect("a name");
        let rcodes = vec![ResponseCode::NoError];
        let dns = Dns { name, record_type: RecordType::SOA, transport, rcodes, address: None };
        let told = match probe(&dns, &destination, TIMEOUT).await.expect("a verdict") {
            Outcome::Success { .. } => String::new(),
            Outcome::Failure { cause, .. } => cause,
        };
        assert_eq!(told, expected, "{transport:?}, {behaviour:?}");
    }
}

#[tokio::test]
async fn the_source_is_this_host_s() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("bind");
    let at = Destination::at(&socket.local_addr().expect("bound").to_string());
    let asked_from = tokio::spawn(async move {
        let mut buffer = [0; 512];
        let (length, client) = socket.recv_from(&mut buffer).await.expect("a question");
        for reply in Behaviour::Answer(ResponseCode::NoError).replies(&buffer[..length]) {
            socket.send_to(&reply, client).await.expect("sent");
        }
        client.ip().to_string()
    });
    let dns = Dns {
        name: Name::from_ascii("www.example.com.").expect("a name"),
        record_type: RecordType::SOA,
        transport: Transport::Udp,
        rcodes: vec![ResponseCode::NoError],
        address: None,
    };
    let from = Destination { source: "127.7.7.7".parse().ok(), ..at };
    let outcome = probe(&dns, &from, TIMEOUT).await.expect("a verdict");
    assert!(outcome.is_success(), "{outcome:?}");
    assert_eq!(asked_from.await.expect("the server"), "127.7.7.7");
}

async fn udp_server(behaviour: Behaviour) -> Destination {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("bind");
    let destination = Destination::at(&socket.local_addr().expect("bound").to_string());
    if let Behaviour::Close = behaviour {
        return destination;
    }
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        let (length, client) = socket.recv_from(&mut buffer).await.expect("a question");
        for reply in behaviour.replies(&buffer[..length]) {
            socket.send_to(&reply, client).await.expect("sent");
        }
    });
    destination
}

async fn tcp_server(behaviour: Behaviour) -> Destination {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let destination = Destination::at(&listener.local_addr().expect("bound").to_string());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        let length = stream.read_u16().await.expect("a length");
        let mut question = vec![0; length.into()];
        stream.read_exact(&mut question).await.expect("a question");
        for reply in behaviour.replies(&question) {
            stream.write_u16(reply.len() as u16).await.expect("sent");
            stream.write_all(&reply).await.expect("sent");
        }
        if !matches!(behaviour, Behaviour::Close) {
            tokio::time::sleep(2 * TIMEOUT).await;
        }
    });
    destination
}

impl Behaviour {
    fn replies(self, question: &[u8]) -> Vec<Vec<u8>> {
        let question = Message::from_vec(question).expect("a message");
        let reply = |rcode| {
            let mut reply = question.clone();
            reply.metadata.message_type = MessageType::Response;
            reply.metadata.response_code = rcode;
            reply
        };
        let mut other = reply(ResponseCode::ServFail);
        other.metadata.id ^= 1;
        let bytes = |message: Message| message.to_vec().expect("a message");
        match self {
            Self::Answer(rcode) => vec![bytes(reply(rcode))],
            Self::AnswerLate => {
                vec![bytes(other), b"no message".to_vec(), bytes(reply(ResponseCode::NoError))]
            }
            Self::AnswerAnother => vec![bytes(other)],
            Self::Close => Vec::new(),
        }
    }
}
