use super::Expect;

/// A TCP connection that is accepted is a success, or what is said over it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tcp {
    /// Said first; empty for nothing.
    pub send: Vec<u8>,
    /// What the server must say.
    pub expect: Option<Expect>,
}
