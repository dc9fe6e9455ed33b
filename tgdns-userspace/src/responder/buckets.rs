//! The networks that the sockets have answered of late: the fast path has its own.

use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use tgdns_common::rate;

use crate::heartbeat;

/// Clones share them. They take no memory before the first query that is to be judged.
#[derive(Clone, Debug)]
pub struct Buckets {
    buckets: Arc<OnceLock<Box<[AtomicU64]>>>,
    last_limited: Arc<Mutex<Option<IpAddr>>>,
    began: Instant,
    ticks_in_second: u64,
}

impl Default for Buckets {
    fn default() -> Self {
        Self {
            buckets: Arc::default(),
            last_limited: Arc::default(),
            began: Instant::now(),
            ticks_in_second: heartbeat::ticks_in_second().into(),
        }
    }
}

impl Buckets {
    /// Notes that a client was limited.
    pub(super) fn limited(&self, client: IpAddr) {
        *self.last_limited.lock().unwrap_or_else(PoisonError::into_inner) = Some(client);
    }

    /// The client that was limited last, if one was since the last time.
    pub fn take_limited(&self) -> Option<IpAddr> {
        self.last_limited.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn at(&self, position: u32) -> Option<&AtomicU64> {
        let buckets = self.buckets.get_or_init(|| (0..rate::BUCKETS).map(|_| AtomicU64::new(0)).collect());
        buckets.get(position as usize)
    }
}

impl rate::Buckets for Buckets {
    fn bucket(&self, position: u32) -> u64 {
        self.at(position).map_or(0, |bucket| bucket.load(Ordering::Relaxed))
    }

    fn set_bucket(&self, position: u32, bucket: u64) {
        if let Some(place) = self.at(position) {
            place.store(bucket, Ordering::Relaxed);
        }
    }

    fn ticks(&self) -> u64 {
        // The first tick is not zero, which is what is in a bucket that nobody has used.
        1 + (self.began.elapsed().as_nanos() * u128::from(self.ticks_in_second) / 1_000_000_000) as u64
    }

    fn random(&self) -> u32 {
        fastrand::u32(..)
    }
}
