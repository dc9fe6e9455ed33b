//! How often interfaces did what, for `tgdns stats`.

#[derive(Default)]
pub(super) struct Counts {
    /// What the kernel has of them was another thing than before.
    pub(super) changes: u64,
    /// A link went down, or lost its carrier.
    pub(super) link_down: u64,
    /// A device was deleted, renamed or replaced.
    pub(super) gone: u64,
    /// The program was attached to an interface that it had been off.
    pub(super) attached_again: u64,
    /// Somebody took the program off, or put another one in its place.
    pub(super) taken_off: u64,
    /// An attempt to attach failed; there is one each second.
    pub(super) refused: u64,
    /// The kernel's messages had no room.
    pub(super) overruns: u64,
}

impl Counts {
    pub(super) fn all(&self) -> impl Iterator<Item = (&'static str, u64)> {
        [
            ("changes", self.changes),
            ("link_down", self.link_down),
            ("gone", self.gone),
            ("attached_again", self.attached_again),
            ("taken_off", self.taken_off),
            ("refused", self.refused),
            ("overruns", self.overruns),
        ]
        .into_iter()
    }
}
