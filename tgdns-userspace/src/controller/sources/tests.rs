use std::{fs, time::Duration};

use super::*;
use crate::config;

const CONFIG: &str = r#"
    xdp_mode = "off"
    [[cluster]]
    name = "c.netz"
    probe.port = 443
    server = [{ name = "a", address = "10.0.0.1" }]
"#;

/// Somebody would wait for it for ever.
#[tokio::test]
async fn what_breaks_beside_the_loop_ends_the_controller() {
    let directory = std::env::temp_dir().join(format!("tgdns-sources-{}", std::process::id()));
    let (listener, file) = control::listen(&directory.join("control"), None).unwrap();
    let mut sources = Sources::start(&config::parse(CONFIG, "F").unwrap(), listener).unwrap();
    sources.write(|| panic!("as a bug would"));
    let event = sources.next(Some(Instant::now() + Duration::from_secs(60))).await;
    let Some(Event::Failed(error)) = event else { panic!("the controller goes on") };
    assert!(error.to_string().contains("beside the event loop"), "{error}");
    sources.close().await;
    drop(file);
    assert!(fs::metadata(&directory).is_err());
}
