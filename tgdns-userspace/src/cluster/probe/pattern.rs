//! What is looked for in what servers say.

use regex::bytes::Regex;

/// A regular expression over bytes.
#[derive(Clone, Debug)]
pub struct ByteRegex(pub Regex);

/// As they are written.
impl PartialEq for ByteRegex {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for ByteRegex {}

/// Whether bytes have others among them, which are not none.
pub(super) fn has_part(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len().max(1)).any(|window| window == part)
}
