/// A TCP connection that is accepted is a success.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tcp {}
