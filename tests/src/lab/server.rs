//! A server of the cluster: a process that tells everybody who connects its name.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{Ipv4Addr, SocketAddr},
    process::{ChildStdin, ChildStdout},
    sync::Arc,
    time::Instant,
};

use anyhow::{Context as _, Result, ensure};

use super::{namespace::Namespace, process::Process, program, run::Run};

/// The port that viewers connect to, and that is probed.
pub const PORT: u16 = 443;

pub struct Server {
    pub name: String,
    pub namespace: Arc<Namespace>,
    pub address: Ipv4Addr,
    /// What clients reach it by.
    pub alias: Ipv4Addr,
    running: Option<Running>,
}

struct Running {
    process: Process,
    orders: ChildStdin,
    reports: BufReader<ChildStdout>,
}

impl Server {
    pub fn new(name: String, namespace: Arc<Namespace>, address: Ipv4Addr, alias: Ipv4Addr) -> Self {
        Self { name, namespace, address, alias, running: None }
    }

    /// Starts the process; its port is open at the returned moment.
    pub fn start(&mut self, run: &Run) -> Result<Instant> {
        let program = program::of_workspace("lab-server")?;
        let listen = SocketAddr::from((self.address, PORT)).to_string();
        let arguments = [self.name.as_str(), listen.as_str()];
        let mut process = Process::start_with_pipes(run, &self.namespace, &self.name, &program, arguments)?;
        let orders = process.child().stdin.take().context("the server has no input")?;
        let reports = process.child().stdout.take().context("the server has no output")?;
        let mut running = Running { process, orders, reports: BufReader::new(reports) };
        running.expect("open")?;
        self.running = Some(running);
        Ok(Instant::now())
    }

    /// `kill -9`: port and connections end together, not before the returned moment.
    pub fn kill(&mut self) -> Result<Instant> {
        let mut running = self.running.take().with_context(|| format!("{} does not run", self.name))?;
        let start = Instant::now();
        running.process.kill()?;
        Ok(start)
    }

    /// Closes the port, not before the returned moment; connections go on.
    pub fn close_port(&mut self) -> Result<Instant> {
        self.order("close")
    }

    /// Opens the port again; it is open at the returned moment at the latest.
    pub fn open_port(&mut self) -> Result<Instant> {
        self.order("open")?;
        Ok(Instant::now())
    }

    fn order(&mut self, order: &str) -> Result<Instant> {
        let running = self.running.as_mut().with_context(|| format!("{} does not run", self.name))?;
        let start = Instant::now();
        writeln!(running.orders, "{order}").with_context(|| format!("ordering {}: {order}", self.name))?;
        running.expect(order)?;
        Ok(start)
    }
}

impl Running {
    /// Waits for the report that an order was carried out.
    fn expect(&mut self, order: &str) -> Result<()> {
        let mut report = String::new();
        self.reports.read_line(&mut report).context("reading a server's report")?;
        ensure!(report.trim_end() == order, "not {order}, but {report:?}\n{}", self.process.log_tail());
        Ok(())
    }
}
