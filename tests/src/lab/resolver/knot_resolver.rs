//! Knot Resolver.

use std::net::Ipv4Addr;

use anyhow::Result;

use super::{Printed, Recipe, lines_into, strings, with_lines};
use crate::lab::program;

const CONFIGURATION: &str = "/etc/knot-resolver/kresd.conf";
const QUIT: &str = "/etc/knot-resolver/quit.lua";

/// Its configuration is a program, so its checker is to run it.
pub(super) fn recipe(address: Ipv4Addr, printed: &[Printed]) -> Result<Recipe> {
    let listen = format!("net.listen('{address}', 53, {{ kind = 'dns' }})");
    let mut lines = vec![listen.as_str()];
    lines.extend(lines_into(printed, CONFIGURATION));
    let arguments = ["-c", CONFIGURATION, "-n", "/run"];
    Ok(Recipe {
        program: program::path("kresd")?,
        arguments: strings(&arguments),
        checker: Some(("kresd", strings(&[&["-c", CONFIGURATION, "-c", QUIT], &arguments[2..]].concat()))),
        files: vec![(CONFIGURATION, with_lines(CONFIGURATION, &lines)?), (QUIT, "quit()\n".to_owned())],
        empty: &["/run"],
        complaints: &["error"],
    })
}
