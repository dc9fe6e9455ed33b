//! Addresses that move between load balancers (VRRP).

use super::*;

const VIP: &str = "10.10.10.9";
const ROUNDS: u32 = 20;
/// Until an address is answered on, or no longer: queries sent 10 ms apart, and a busy machine.
const A_MOMENT: Duration = Duration::from_millis(500);

#[test]
fn an_address_that_moves_is_answered_on_within_a_moment() -> Result<()> {
    let mut host = Host::new(&Setup::default())?;
    host.start()?;
    let client = host.client("10.10.10.10", VIP.parse()?)?;
    let move_it =
        |verb: &str| host.namespace.run("ip", &["address", verb, &format!("{VIP}/32"), "dev", INTERFACE]);
    // Queries reach the host also while nobody has the address.
    let mac = host.interface(INTERFACE)?["address"].as_str().context("no MAC")?.to_owned();
    host.far.run("ip", &["neighbour", "replace", VIP, "lladdr", &mac, "dev", CABLE])?;
    wait::until("silence, as nobody has the address", AT_MOST, || silent(&host, &client))?;
    let mut slowest = [Duration::ZERO; 2];
    for _ in 0..ROUNDS {
        move_it("add")?;
        let (_, took) = wait::until("an answer at the new address", A_MOMENT, || answered(&host, &client))?;
        slowest[0] = slowest[0].max(took);
        move_it("delete")?;
        let start = Instant::now();
        // One that was asked before is not for this.
        wait::until("silence at the old address", A_MOMENT, || silent(&host, &client))?;
        slowest[1] = slowest[1].max(start.elapsed().saturating_sub(PATIENCE / 10));
    }
    println!(
        "{ROUNDS} moves: answered at most {:?} after it came, silent {:?} after it went",
        slowest[0], slowest[1]
    );
    host.check()
}
