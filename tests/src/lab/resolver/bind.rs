//! BIND.

use anyhow::Result;

use super::{Printed, Recipe, lines_into, strings};
use crate::lab::program;

const OPTIONS: &str = "/etc/bind/named.conf.options";
const LOCAL: &str = "/etc/bind/named.conf.local";

/// The options are Debian's.
pub(super) fn recipe(printed: &[Printed]) -> Result<Recipe> {
    let options = lines_into(printed, OPTIONS).join("\n    ");
    let options = format!(
        "\
options {{
    directory \"/var/cache/bind\";
    dnssec-validation auto;
    listen-on-v6 {{ any; }};
    {options}
}};
"
    );
    let local = format!("{}\n", lines_into(printed, LOCAL).join("\n"));
    Ok(Recipe {
        program: program::path("named")?,
        arguments: strings(&["-g", "-c", "/etc/bind/named.conf"]),
        checker: Some(("named-checkconf", strings(&["/etc/bind/named.conf"]))),
        files: vec![(OPTIONS, options), (LOCAL, local)],
        empty: &["/run", "/var/cache/bind"],
        complaints: &[],
    })
}
