//! The lab's own servers.
//!
//! `lab-server NAME ADDRESS:PORT` is a server of the cluster: it greets each connection with its name, then repeats each
//! line that it gets. It is ordered by lines on its standard input: `close` closes the port while connections go on,
//! `open` opens it again. It goes on when the input ends.
//!
//! `lab-server --truncate ADDRESS:PORT` answers DNS queries over UDP with nothing but TC.

use std::{
    env,
    io::{self, BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream, UdpSocket},
    thread,
};

use anyhow::{Context as _, Result, bail};
use socket2::SockRef;
use tests::lab::dns;

fn main() -> Result<()> {
    let [_, name, address] = env::args().collect::<Vec<_>>().try_into().map_err(|arguments: Vec<_>| {
        anyhow::anyhow!("usage: lab-server NAME|--truncate ADDRESS:PORT, not {arguments:?}")
    })?;
    if name == "--truncate" {
        return truncate(&address);
    }
    let mut port = Some(open(&name, &address)?);
    println!("open");
    for order in io::stdin().lines() {
        let order = order.context("reading an order")?;
        match (order.as_str(), port.take()) {
            // A listening socket that is shut down stops listening at once, and its accept fails.
            ("close", Some(listener)) => {
                SockRef::from(&listener).shutdown(std::net::Shutdown::Both).context("closing the port")?;
            }
            ("open", None) => port = Some(open(&name, &address)?),
            (order, _) => bail!("no such order: {order}"),
        }
        println!("{order}");
    }
    loop {
        thread::park();
    }
}

fn truncate(address: &str) -> Result<()> {
    let socket = UdpSocket::bind(address).with_context(|| format!("listening on {address}"))?;
    println!("open");
    let mut buffer = [0; 1500];
    loop {
        // An asker that is gone is reported here, too, and is no matter.
        let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
        if let Some(reply) = dns::truncated(buffer.get(..length).unwrap_or_default()) {
            drop(socket.send_to(&reply, from));
        }
    }
}

fn open(name: &str, address: &str) -> Result<TcpListener> {
    let listener = TcpListener::bind(address).with_context(|| format!("listening on {address}"))?;
    let accepting = listener.try_clone().context("sharing the listener")?;
    let name = name.to_owned();
    thread::spawn(move || {
        for connection in accepting.incoming() {
            let Ok(connection) = connection else { break };
            let name = name.clone();
            // Probes and viewers may leave at any moment, which is their right.
            thread::spawn(move || drop(serve(&name, connection)));
        }
    });
    Ok(listener)
}

fn serve(name: &str, mut connection: TcpStream) -> io::Result<()> {
    writeln!(connection, "{name}")?;
    let reader = BufReader::new(connection.try_clone()?);
    for line in reader.lines() {
        writeln!(connection, "{}", line?)?;
    }
    Ok(())
}
