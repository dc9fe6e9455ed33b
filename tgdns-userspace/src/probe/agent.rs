//! What does the server's agent say?

use std::{
    io,
    time::{Duration, Instant},
};

use super::{
    Destination,
    conversation::{converse, quoted},
    words::Said,
};
use crate::{cluster::Agent, health::Outcome};

/// Listens to one line, which the end of the connection ends as well.
pub(super) async fn probe(kind: &Agent, destination: &Destination, timeout: Duration) -> io::Result<Outcome> {
    let started = Instant::now();
    let has_line = |said: &[u8]| said.iter().any(|byte| matches!(byte, b'\r' | b'\n'));
    let heard = converse(destination, timeout, &kind.send, has_line).await?;
    Ok(match heard.said() {
        Some(said) if !said.is_empty() => match Said::read(&String::from_utf8_lossy(said)) {
            Some(words) => words.into_outcome(started.elapsed()),
            None => Outcome::failure(format!("it says {}, and no word of an agent", quoted(said))),
        },
        Some(_) | None => Outcome::failure(heard.cause(timeout)),
    })
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::{
        admin::AdminState, health::ReportedWeight, network_namespace::NetworkNamespace, probe::tests::serve,
    };

    const TIMEOUT: Duration = Duration::from_millis(300);

    #[test]
    fn an_agent_is_asked_and_answers() {
        NetworkNamespace::new().block_on(|| async {
            // It answers what it is asked.
            let echo = serve(|mut stream| async move {
                let mut question = [0; 16];
                let length = stream.read(&mut question).await.expect("a question");
                stream.write_all(&question[..length]).await.expect("an answer");
                std::future::pending::<()>().await;
            })
            .await;
            for (question, expected) in [
                ("up\n", Ok((None, None))),
                ("drain,50%\n", Ok((Some(AdminState::Drain), Some(ReportedWeight::Percent(50))))),
                ("stopped#x\n", Err("it says stopped (x)")),
                ("what?\n", Err("it says \"what?\\n\", and no word of an agent")),
                ("up", Err("it says only \"up\" within 300ms")),
            ] {
                let kind = Agent { send: question.as_bytes().to_vec() };
                let outcome = probe(&kind, &Destination::at(&echo), TIMEOUT).await.expect("a verdict");
                let told = match &outcome {
                    Outcome::Success { report, .. } => Ok((report.state, report.weight)),
                    Outcome::Failure { cause, .. } => Err(cause.as_str()),
                };
                assert_eq!(told, expected, "{question}");
            }
        });
    }

    #[test]
    fn the_end_of_the_connection_ends_the_line() {
        NetworkNamespace::new().block_on(|| async {
            let brief =
                serve(|mut stream| async move { stream.write_all(b"up 75%").await.expect("write") }).await;
            let outcome =
                probe(&Agent::default(), &Destination::at(&brief), TIMEOUT).await.expect("a verdict");
            assert_eq!(outcome.report().weight, Some(ReportedWeight::Percent(75)));
            let mute = serve(|_| async {}).await;
            let outcome =
                probe(&Agent::default(), &Destination::at(&mute), TIMEOUT).await.expect("a verdict");
            assert_eq!(outcome, Outcome::failure("it takes the connection and closes it without a word"));
        });
    }
}
