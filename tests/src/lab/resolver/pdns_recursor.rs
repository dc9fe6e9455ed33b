//! PowerDNS Recursor.

use std::net::Ipv4Addr;

use anyhow::Result;

use super::{Printed, Recipe, lines_into, strings, with_lines};
use crate::lab::program;

const LUA: &str = "/etc/powerdns/recursor.lua";
const LAB: &str = "/etc/powerdns/recursor.d/lab.conf";

/// Debian's validates for clients that ask for it; this one does for all.
pub(super) fn recipe(address: Ipv4Addr, printed: &[Printed]) -> Result<Recipe> {
    let lab = format!("local-address={address}\nsocket-dir=/run\ndnssec=validate\n");
    Ok(Recipe {
        program: program::path("pdns_recursor")?,
        arguments: strings(&["--daemon=no", "--write-pid=no", "--disable-syslog", "--log-timestamp=no"]),
        checker: Some(("pdns_recursor", strings(&["--config=check"]))),
        files: vec![(LUA, with_lines(LUA, &lines_into(printed, LUA))?), (LAB, lab)],
        empty: &["/run"],
        complaints: &[],
    })
}
