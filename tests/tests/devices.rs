//! VLAN devices and bonds, with the built `tgdns` on them.
//!
//! They need a kernel that has both, so `cargo xtask test-kernels` runs these in its guests, where nothing else is: `tgdns` and
//! `ip` are in the path, and whatever was made is gone with the guest. One file without anything beside it.

use std::{
    fs::{self, File},
    net::{IpAddr, SocketAddr, UdpSocket},
    path::Path,
    process::{Child, Command},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use nix::sched::{CloneFlags, setns};
use serde_json::Value;
use tests::lab::{dns, wait};
use tgdns::{cluster::XdpMode, xdp::Program};

const FAR: &str = "far";
const ZONE: &str = "internet.intern.netz";
const SERVERS: [&str; 2] = ["10.10.10.20", "10.10.10.21"];
const PATIENCE: Duration = Duration::from_millis(200);
/// Guests are slow.
const AT_MOST: Duration = Duration::from_secs(30);
/// Devices of both ends, their tags by protocol and identifier, and the host's address on them; clients have `.2`.
const STACK: [(&str, &str, &str); 3] = [
    ("", "", "10.9.0"),
    (".s", "protocol 802.1ad id 100", "10.9.1"),
    (".s.c", "protocol 802.1q id 7", "10.9.2"),
];

#[test]
#[ignore = "needs a kernel with VLAN devices and bonds: test-kernels runs it"]
fn a_bond_answers_for_itself_and_its_vlans_and_fails_over() -> Result<()> {
    let host = Host::new("active-backup")?;
    let mut tgdns = host.run(&["trunk"], "native")?;
    host.all_answer("on the bond")?;
    ensure!(host.interface("trunk")?["xdp"]["mode"] == 1, "not native");

    // The kernel moves the program along with the traffic.
    ip("-n far link set f0 down")?;
    host.all_answer("on the other port")?;
    ip("-n far link set f0 up")?;
    ip("link set h1 down")?;
    host.all_answer("on the first port again")?;
    ip("link set h1 up")?;

    // Without a port nothing arrives; the port that returns carries the program.
    ip("link set h1 nomaster")?;
    ip("link set h1 down")?;
    ip("link set h1 master trunk")?;
    ip("link set h1 up")?;
    host.all_answer("after a port was taken out and put in")?;

    ip("link delete trunk")?;
    wait::until("the status tells that it is gone", AT_MOST, || {
        Ok(tgdns.problem("trunk")?.filter(|problem| problem == "its device is gone").context("it does not"))
    })?;
    host.bond("trunk", ["h0", "h1"], "active-backup", 1, "")?;
    host.all_answer("on a bond that was made again")?;
    tgdns.end()
}

#[test]
#[ignore = "needs a kernel with VLAN devices and bonds: test-kernels runs it"]
fn the_ports_of_a_bond_answer_for_it_and_its_vlans() -> Result<()> {
    let host = Host::new("active-backup")?;
    let tgdns = host.run(&["h0", "h1"], "native")?;
    for (down, up) in [("f1", "f0"), ("f0", "f1")] {
        ip(&format!("-n far link set {up} up"))?;
        ip(&format!("-n far link set {down} down"))?;
        host.all_answer(&format!("with {down} down"))?;
    }
    tgdns.end()
}

#[test]
#[ignore = "needs a kernel with VLAN devices and bonds: test-kernels runs it"]
fn what_a_driver_refuses_is_told_while_the_program_runs() -> Result<()> {
    let host = Host::new("active-backup")?;
    let mut tgdns = host.run(&["trunk"], "native")?;
    host.all_answer("on the bond")?;
    ip("link delete trunk")?;
    // This mode has no native XDP.
    host.bond("trunk", ["h0", "h1"], "balance-tlb", 1, "")?;
    let expected = "the driver bonding of trunk refuses native mode";
    wait::until("the refusal", AT_MOST, || {
        let problem = tgdns.problem("trunk")?;
        let told = problem.as_ref().is_some_and(|problem| problem.contains(expected));
        Ok(if told { Ok(()) } else { Err(anyhow!("{problem:?}")) })
    })?;
    ip("link delete trunk")?;
    host.bond("trunk", ["h0", "h1"], "active-backup", 1, "")?;
    host.all_answer("in a mode that has native XDP")?;
    tgdns.end()
}

#[test]
#[ignore = "needs a kernel with VLAN devices and bonds: test-kernels runs it"]
fn a_vlan_device_is_an_interface_in_generic_mode_alone() -> Result<()> {
    let host = Host::new("active-backup")?;
    let refused = match host.run(&["trunk.s"], "native") {
        Ok(_) => bail!("a VLAN device has native XDP"),
        Err(error) => format!("{error:#}"),
    };
    for piece in
        ["the driver 802.1Q VLAN Support of trunk.s refuses native mode", "list the interface below it"]
    {
        ensure!(refused.contains(piece), "{refused}");
    }
    let tgdns = host.run(&["trunk.s"], "generic")?;
    host.answers("10.9.1").context("on the VLAN device")?;
    host.answers("10.9.2").context("on the VLAN device above")?;
    tgdns.end()
}

/// A bond of two ports here and one at the other end of both cables, each with a VLAN device, and one on that.
struct Host;

impl Host {
    fn new(mode: &str) -> Result<Self> {
        let host = Self;
        ip("netns add far")?;
        for port in [0, 1] {
            ip(&format!("link add h{port} type veth peer name f{port} netns far"))?;
            ip(&format!("-n far link set f{port} address 02:00:00:00:02:0{port}"))?;
        }
        host.bond("trunk", ["h0", "h1"], mode, 1, "")?;
        host.bond("trunk", ["f0", "f1"], "active-backup", 2, "-n far")?;
        // What XDP sends back arrives at a veth only if that has a program, too. This one's maps are empty: it passes all.
        in_far(|| {
            let mut pass = Program::load(None)?;
            for port in ["f0", "f1"] {
                fs::create_dir_all("/sys/fs/bpf/far")?;
                pass.attach(port, XdpMode::Native, Path::new("/sys/fs/bpf/far"))?;
            }
            Ok(())
        })?;
        Ok(host)
    }

    /// Makes a bond of two ports with the devices and addresses of `STACK`; the last byte of the addresses is `host`.
    fn bond(&self, name: &str, ports: [&str; 2], mode: &str, host: u8, namespace: &str) -> Result<()> {
        let ip = |arguments: &str| ip(&format!("{namespace} {arguments}"));
        ip(&format!("link add {name} type bond mode {mode} miimon 10"))?;
        for port in ports {
            offload_nothing(port, !namespace.is_empty())?;
            ip(&format!("link set {port} down"))?;
            ip(&format!("link set {port} master {name}"))?;
            ip(&format!("link set {port} up"))?;
        }
        offload_nothing(name, !namespace.is_empty())?;
        let mut below = String::new();
        for (suffix, tag, network) in STACK {
            let device = format!("{name}{suffix}");
            if !tag.is_empty() {
                ip(&format!("link add link {below} name {device} type vlan {tag}"))?;
            }
            ip(&format!("link set {device} up"))?;
            ip(&format!("address add {network}.{host}/24 dev {device}"))?;
            below = device;
        }
        Ok(())
    }

    fn interface(&self, name: &str) -> Result<Value> {
        let shown: Value = serde_json::from_str(&ip(&format!("-json -details link show dev {name}"))?)?;
        Ok(shown[0].clone())
    }

    /// Starts `tgdns run`, and waits until it says that it answers, or fails with what it says instead.
    fn run(&self, interfaces: &[&str], mode: &str) -> Result<Tgdns> {
        let text = format!(
            "interfaces = {interfaces:?}\nxdp_mode = \"{mode}\"\nstate_dir = \"/tmp/tgdns-devices\"\n\
             control = \"/tmp/tgdns-devices.sock\"\npin_dir = \"/sys/fs/bpf/tgdns-devices\"\n[dns]\nlisten = []\n\
             [[cluster]]\nname = \"{ZONE}\"\n[cluster.probe]\ntype = \"tcp\"\nport = 443\n[[cluster.part]]\nfirst = \"{}\"\ncount = 2\n",
            SERVERS[0]
        );
        fs::write(Tgdns::CONFIGURATION, text)?;
        let log = File::create(Tgdns::LOG)?;
        let mut command = Command::new("tgdns");
        command.args(["run", "--config", Tgdns::CONFIGURATION]).stderr(log.try_clone()?).stdout(log);
        let mut tgdns = Tgdns { process: command.spawn().context("starting tgdns")? };
        wait::until("a status", AT_MOST, || {
            if tgdns.process.try_wait()?.is_some() {
                bail!("{}", Tgdns::log());
            }
            Ok(tgdns.json("status"))
        })?;
        Ok(tgdns)
    }

    /// Asks at each address of the host, in frames with its tags, until each answers.
    fn all_answer(&self, when: &str) -> Result<()> {
        STACK.iter().try_for_each(|(_, _, network)| self.answers(network)).with_context(|| when.to_owned())
    }

    fn answers(&self, network: &str) -> Result<()> {
        let socket = in_far(|| Ok(UdpSocket::bind("0.0.0.0:0")?))?;
        let server: SocketAddr = format!("{network}.1:53").parse()?;
        wait::until(&format!("an answer of {server}"), AT_MOST, || {
            // The network may be away for a moment, and says so.
            let mut found: Vec<IpAddr> = match dns::ask(&socket, server, ZONE, PATIENCE) {
                Ok(Some(answer)) => answer.addresses.into_iter().map(IpAddr::V4).collect(),
                Ok(None) => return Ok(Err(anyhow!("nothing\n{}", Tgdns::log()))),
                Err(error) => return Ok(Err(error)),
            };
            found.sort();
            let expected = SERVERS.map(str::parse).into_iter().collect::<Result<Vec<IpAddr>, _>>()?;
            Ok(if found == expected { Ok(()) } else { Err(anyhow!("{found:?}\n{}", Tgdns::log())) })
        })
        .map(drop)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // After a failed test some of it may not be there.
        let _ = ip("link delete trunk");
        let _ = ip("link delete h0");
        let _ = ip("link delete h1");
        let _ = fs::remove_dir_all("/sys/fs/bpf/far");
        let _ = ip("netns delete far");
    }
}

struct Tgdns {
    process: Child,
}

impl Tgdns {
    const CONFIGURATION: &str = "/tmp/tgdns-devices.toml";
    const LOG: &str = "/tmp/tgdns-devices.log";

    fn log() -> String {
        fs::read_to_string(Self::LOG).unwrap_or_default()
    }

    fn json(&self, command: &str) -> Result<Value> {
        let mut tgdns = Command::new("tgdns");
        let text = output(tgdns.args([command, "--json", "--config", Self::CONFIGURATION]))?;
        Ok(serde_json::from_str(&text)?)
    }

    /// Why an interface has no program, as the status has it.
    fn problem(&mut self, interface: &str) -> Result<Option<String>> {
        let status = self.json("status")?;
        let interfaces = status["interfaces"].as_array().context("no interfaces")?;
        let found =
            interfaces.iter().find(|found| found["name"] == interface).context("no such interface")?;
        Ok(found["problem"].as_str().map(str::to_owned))
    }

    /// Ends it, and takes the program off.
    fn end(mut self) -> Result<()> {
        ensure!(self.process.try_wait()?.is_none(), "tgdns has ended\n{}", Self::log());
        self.stop()
    }

    fn stop(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        output(Command::new("tgdns").args(["detach", "--config", Self::CONFIGURATION])).map(drop)
    }
}

impl Drop for Tgdns {
    fn drop(&mut self) {
        let _ = self.stop();
    }
}

/// Checksums and tags are in the frames, where XDP sees them.
fn offload_nothing(device: &str, far: bool) -> Result<()> {
    let mut command = Command::new(if far { "ip" } else { "ethtool" });
    if far {
        command.args(["netns", "exec", FAR, "ethtool"]);
    }
    output(command.args(["-K", device, "tx", "off", "txvlan", "off", "tx-vlan-stag-hw-insert", "off"]))
        .map(drop)
}

/// Runs a closure on a thread that is at the other end.
fn in_far<T: Send>(inside: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let namespace = File::open("/run/netns/far").context("opening the namespace")?;
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            setns(&namespace, CloneFlags::CLONE_NEWNET)?;
            inside()
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn ip(arguments: &str) -> Result<String> {
    output(Command::new("ip").args(arguments.split_whitespace()))
}

fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("starting {command:?}"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {errors}");
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
