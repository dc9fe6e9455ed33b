/// A command of this host that ends with 0 is a success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exec {
    /// The program's path and its arguments; never empty.
    pub command: Vec<String>,
}
