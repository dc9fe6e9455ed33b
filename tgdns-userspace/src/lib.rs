//! The controller, as a library so that the tests reach its parts.

pub mod admin;
mod atomic_file;
pub mod check;
pub mod child;
pub mod cluster;
pub mod config;
mod confinement;
pub mod control;
pub mod controller;
pub mod cookie;
mod cuckoo;
mod deadline;
mod directories;
pub mod doctor;
mod ethtool;
pub mod forwarder;
pub mod health;
pub mod heartbeat;
pub mod history;
pub mod hook;
mod http;
pub mod image;
pub mod last_run;
pub mod maps;
pub mod netlink;
pub mod preflight;
pub mod probe;
pub mod publish;
pub mod query;
pub mod reload;
pub mod remark;
pub mod responder;
pub mod rules;
pub mod selection;
pub mod self_test;
mod service_manager;
pub mod slow;
mod socket;
pub mod stats;
pub mod status;
pub mod table;
mod tls;
pub mod ttl;
pub mod xdp;

#[cfg(test)]
mod network_namespace;
