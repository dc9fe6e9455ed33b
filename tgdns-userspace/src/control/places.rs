//! Who is served: so many clients at a time, and a newcomer gets the place of whoever has been idle longest.
//!
//! So clients that are silent or slow, however many, keep nobody out.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::future::{AbortHandle, AbortRegistration};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub(super) struct Places {
    free: Arc<Semaphore>,
    idle: Mutex<Idle>,
}

/// Clients that are waited for, the one that has been idle longest first.
#[derive(Default)]
struct Idle {
    since: u64,
    clients: BTreeMap<u64, AbortHandle>,
}

/// What a client has while it is served; dropping it leaves.
pub(super) struct Place {
    places: Arc<Places>,
    abort: AbortHandle,
    idle_since: Option<u64>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Places {
    pub(super) fn new(count: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(count)), idle: Mutex::default() }
    }

    /// A place for a newcomer, which is idle at first. The registration is for its task, which may be ended in turn. Waits
    /// only where all others wait for their replies.
    pub(super) async fn take(self: &Arc<Self>) -> (Place, AbortRegistration) {
        if self.free.available_permits() == 0
            && let Some((_, longest_idle)) = self.idle().clients.pop_first()
        {
            longest_idle.abort();
        }
        let permit = Arc::clone(&self.free).acquire_owned().await.ok();
        let (abort, registration) = AbortHandle::new_pair();
        let mut place = Place { places: Arc::clone(self), abort, idle_since: None, _permit: permit };
        place.is_idle();
        (place, registration)
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        // Whoever panics does not do so while holding it.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// The client has its reply; what it does until its next whole request is no work.
    pub(super) fn is_idle(&mut self) {
        let mut idle = self.places.idle();
        idle.since += 1;
        let since = idle.since;
        idle.clients.insert(since, self.abort.clone());
        self.idle_since = Some(since);
    }

    /// The client has asked, and waits for its reply.
    pub(super) fn is_busy(&mut self) {
        if let Some(since) = self.idle_since.take() {
            self.places.idle().clients.remove(&since);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.is_busy();
    }
}
