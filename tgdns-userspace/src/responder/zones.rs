//! The zones as the responder sees them: the image, the secret of cookies, and the time.

use tgdns_common::{
    tables::{Address, AnswerSet},
    zones::{NameServers, Zones},
};

use crate::image::Image;

pub(super) struct Served<'i> {
    pub(super) image: &'i Image,
    /// Seconds since 1970.
    pub(super) now: u32,
}

impl Zones for Served<'_> {
    type Tables = Image;

    fn tables(&self) -> &Image {
        self.image
    }

    fn below(&self, name: &[u8], view: u32) -> Option<&AnswerSet> {
        self.image.zones.below(name, view)
    }

    fn name_servers(&self, apex: &AnswerSet) -> NameServers<'_> {
        self.image.zones.name_servers(apex)
    }

    fn identity(&self) -> &[u8] {
        self.image.zones.identity.as_bytes()
    }

    fn version(&self) -> &[u8] {
        self.image.zones.version.as_bytes()
    }

    fn server_cookie(&self, client_cookie: [u8; 8], client: Address) -> Option<[u8; 16]> {
        self.image.zones.secrets.as_ref().map(|secrets| secrets.cookie(client_cookie, client, self.now))
    }

    fn is_server_cookie(&self, client_cookie: [u8; 8], client: Address, cookie: [u8; 16]) -> bool {
        self.image
            .zones
            .secrets
            .as_ref()
            .is_some_and(|secrets| secrets.gave(client_cookie, client, self.now, cookie))
    }
}
