/// The server says over TCP how it is, as HAProxy's agents do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agent {
    /// Said first; empty for nothing.
    pub send: Vec<u8>,
}
