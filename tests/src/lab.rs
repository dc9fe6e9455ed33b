//! The lab: the seed scenes in network namespaces, played by real programs.
//!
//! ```text
//! S1, S2      viewer ── dns ── lb1 ── lb2 ── server 3          one network, 10.10.10.0/24
//! S3, S4, S5  viewer ── dns ── nat │ nat ── lb1 ── lb2 ── …    192.168.1.0/24 │ 10.10.10.0/24
//! ```
//!
//! Every machine is a namespace of its own, plugged into a switch, which is a namespace with one bridge
//! for each network. No namespace has a way out. Start at [`scene`].

pub mod dns;
pub mod kills;
pub mod layout;
pub mod link;
pub mod loadbalancer;
pub mod lock;
pub mod namespace;
pub mod nat;
pub mod plan;
pub mod process;
pub mod program;
pub mod raw;
pub mod resolver;
pub mod run;
pub mod scene;
pub mod server;
pub mod stub;
pub mod switch;
pub mod systemd;
pub mod truncate;
pub mod upstream;
pub mod verdict;
pub mod viewer;
pub mod wait;
pub mod wall_clock;
pub mod watch;
