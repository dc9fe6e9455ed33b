use super::*;

#[test]
fn when_answers_are_stale() {
    rows(&[
        (
            "xdp_mode = \"native\"\n",
            "stale_after = \"999ms\"\nwhen_stale = \"held\"\n",
            &[
                r#"2:15: `stale_after` must be a duration in quotes from "1s" to "1day", such as "500ms", not "999ms""#,
                r#"3:14: `when_stale` must be "hold", "all", "servfail" or "pass", not "held""#,
            ],
        ),
        (
            "xdp_mode = \"native\"\n",
            "stale_after = \"2days\"\nwhen_stale = 3\n",
            &[
                r#"2:15: `stale_after` must be a duration in quotes from "1s" to "1day", such as "500ms", not "2days""#,
                r#"3:14: `when_stale` must be "hold", "all", "servfail" or "pass", not 3"#,
            ],
        ),
    ]);
    check(&changed("xdp_mode = \"native\"\n", "stale_after = \"1s\"\nwhen_stale = \"pass\"\n"), &[]);
}
