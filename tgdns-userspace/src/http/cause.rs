//! Why an exchange failed, in words.

use std::{
    error::Error as _,
    io::{self, ErrorKind},
};

use crate::deadline::Failure;

pub(crate) fn failure(error: hyper::Error) -> Failure {
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    if let Some(code) = source.and_then(io::Error::raw_os_error) {
        return Failure::of_socket(io::Error::from_raw_os_error(code));
    }
    let is_short = source.is_some_and(|source| source.kind() == ErrorKind::UnexpectedEof);
    Failure::Server(if error.is_incomplete_message() || is_short {
        "connection closed before the whole response came".to_owned()
    } else if error.is_parse() {
        "what came is no HTTP response".to_owned()
    } else {
        source.map_or_else(|| error.to_string(), ToString::to_string)
    })
}
