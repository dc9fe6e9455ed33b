//! The kinds of faults.

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    KillController,
    RestartController,
    ChangeLayout,
    Hang,
    Reload,
    KillServer,
    ReturnServer,
    KillBalancer,
    PullCable,
    ReplaceDevice,
    Detach,
    Drain,
    Ready,
    FillDisk,
    LosePackets,
    Flood,
    JumpClock,
}

impl Fault {
    pub(super) const ALL: [Self; 17] = [
        Self::KillController,
        Self::RestartController,
        Self::ChangeLayout,
        Self::Hang,
        Self::Reload,
        Self::KillServer,
        Self::ReturnServer,
        Self::KillBalancer,
        Self::PullCable,
        Self::ReplaceDevice,
        Self::Detach,
        Self::Drain,
        Self::Ready,
        Self::FillDisk,
        Self::LosePackets,
        Self::Flood,
        Self::JumpClock,
    ];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::KillController => "controller killed",
            Self::RestartController => "controller replaced (upgrade)",
            Self::ChangeLayout => "upgrade to another layout",
            Self::Hang => "controller hangs (SIGSTOP)",
            Self::Reload => "reload",
            Self::KillServer => "server killed",
            Self::ReturnServer => "server returned",
            Self::KillBalancer => "load balancer killed, all of it",
            Self::PullCable => "load balancer cut off (link flap)",
            Self::ReplaceDevice => "interface deleted and made again",
            Self::Detach => "XDP program taken off",
            Self::Drain => "drain",
            Self::Ready => "ready",
            Self::FillDisk => "disk full",
            Self::LosePackets => "packets lost",
            Self::Flood => "flood",
            Self::JumpClock => "clock jump",
        }
    }
}
