/// A file of this host says how a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// With `{server}` and `{address}` in place of the server's.
    pub path: String,
}
