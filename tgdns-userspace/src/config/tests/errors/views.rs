//! Views and the default one.

use super::*;

#[test]
fn default_views() {
    for (written, expected) in [
        ("\"lann\"", "3:16: `default_view`: \"lann\" is no known view: did you mean \"lan\"?"),
        (
            "\"somebody\"",
            "3:16: `default_view`: \"somebody\" is no known view: use one of: lan, default, nodata, refused",
        ),
        ("5", "3:16: `default_view` must be a name in quotes, such as \"tgpro-9\", not 5"),
    ] {
        check(&changed("[dns]\n", &format!("default_view = {written}\n[dns]\n")), &[expected]);
    }
}

#[test]
fn unknown_views() {
    rows(&[
        (
            r#""192.168.1.100""#,
            r#"{ lan = "192.168.1.100", lun = "192.168.2.100" }"#,
            &[r#"19:34: "lun" is no known view: did you mean "lan"?"#],
        ),
        (
            r#""192.168.1.100""#,
            r#"{ lan = "192.168.1.100", wlan2 = "192.168.2.100" }"#,
            &[r#"19:34: "wlan2" is no known view: add a [[view]] of this name, or use one of: lan, default"#],
        ),
    ]);
}
