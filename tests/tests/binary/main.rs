//! The built `tgdns` on a network interface: what it answers, how it starts again, how it refuses, what it takes.

mod admin;
mod backends;
mod control;
mod devices;
mod footprint;
mod hooks;
mod host;
mod modes;
mod outage;
mod policies;
mod privileges;
mod probes;
mod protocols;
mod question;
mod refusals;
mod reload;
mod restart;
mod services;
mod slow_start;
mod sockets;
mod start;
mod tiers;
mod ttl;
mod user;
mod views;
mod weights;
