//! Each row: what is written differently in the good file, and every mistake that is then told.

use super::*;

mod addresses;
mod dns;
mod hooks;
mod keys;
mod name_servers;
mod names;
mod parts;
mod policies;
mod values;
mod views;
mod whole_files;
