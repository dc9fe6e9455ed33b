//! The tables `[[hook]]`.

use super::*;

#[test]
fn hooks() {
    for (written, expected) in [
        (
            "on = [\"up\"]",
            "3:1: `command` is missing: give the program and its arguments, such as [\"/usr/local/bin/tell\", \"--now\"], or a `url`",
        ),
        (
            "command = []",
            "4:11: `command` is empty: give the program and its arguments, such as [\"/usr/local/bin/tell\", \"--now\"]",
        ),
        ("command = [\"tell\"]", "4:12: \"tell\" is no path: write its absolute path: no shell looks for it"),
        (
            "command = [\"/bin/tell\"]\non = []",
            "5:6: `on` is empty, so that it is never run: take it away for all occasions",
        ),
        (
            "command = [\"/bin/tell\"]\non = [\"dead\"]",
            "5:7: each of `on` must be \"up\", \"down\", \"unknown\", \"ready\", \"drain\", \"maint\", \
             \"reported\", \"weight\", \"probing\" or \"answers\", not \"dead\"",
        ),
        (
            "command = [\"/bin/tell\"]\ntimeout = \"1h\"",
            "5:11: `timeout` must be a duration in quotes from \"100ms\" to \"10m\", such as \"500ms\", not \"1h\"",
        ),
        (
            "command = [\"/bin/tell\"]\nurl = \"http://192.0.2.1/\"",
            "5:7: a hook has a `command` or a `url`: take one of them away",
        ),
        (
            "url = \"ftp://192.0.2.1/\"\nca = \"/ca.pem\"",
            "4:7: `url` must be a URL in quotes, such as \"https://192.0.2.1/tgdns\" or \"http://192.0.2.1:8080/\", not \"ftp://192.0.2.1/\"",
        ),
        (
            "url = \"http://192.0.2.1:0/\"",
            "4:7: `url` must be a URL in quotes, such as \"https://192.0.2.1/tgdns\" or \"http://192.0.2.1:8080/\", not \"http://192.0.2.1:0/\"",
        ),
        (
            "url = \"/tgdns\"",
            "4:7: `url` must be a URL in quotes, such as \"https://192.0.2.1/tgdns\" or \"http://192.0.2.1:8080/\", not \"/tgdns\"",
        ),
        (
            "url = \"https://192.0.2.1/#a\"",
            "4:7: `url`: \"https://192.0.2.1/#a\" has a '#', whose rest no server gets: write %23, or end before",
        ),
        (
            "url = \"https://me:secret@192.0.2.1/\"",
            "4:7: `url`: a URL's user and password are not sent: take them away",
        ),
        (
            "url = \"http://192.0.2.1/\"\nca = \"/ca.pem\"",
            "5:6: `ca` is of no use without a `url` of https: take it away",
        ),
        (
            "command = [\"/bin/tell\"]\nca = \"/ca.pem\"",
            "5:6: `ca` is of no use without a `url` of https: take it away",
        ),
        (
            "url = \"https://192.0.2.1/\"\nca = \"/nonexistent/ca.pem\"",
            "5:6: `ca`: /nonexistent/ca.pem can't be read: No such file or directory (os error 2)",
        ),
        (
            "command = [\"/bin/tell\", \"a\\u0000b\"]",
            "4:25: a zero byte ends a program's argument, so none may hold one: take it away",
        ),
    ] {
        check(&changed("[dns]\n", &format!("[[hook]]\n{written}\n[dns]\n")), &[expected]);
    }
    check(
        &changed("[dns]\n", "[[hook]]\ncommand = 1\nurl = \"http://192.0.2.1/\"\n[dns]\n"),
        &[
            "4:11: `command` must be a list in brackets, not 1",
            "5:7: a hook has a `command` or a `url`: take one of them away",
        ],
    );
}
