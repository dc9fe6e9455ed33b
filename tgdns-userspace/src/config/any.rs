//! Values that are written in one of several ways.

/// Reads a type by its visitor, which this declares and the caller implements: it takes whatever is there, and tells what it
/// expected in place of anything else.
macro_rules! deserialize_any {
    ($type:ty, $visitor:ident) => {
        struct $visitor;

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any($visitor)
            }
        }
    };
}
pub(super) use deserialize_any;
