//! An image at a turn of one's choice.

use tgdns_common::{
    counter::Counter,
    rate::Verdict,
    tables::{Address, AnswerSet, Choice, Service, Settings, Tables},
};

use crate::image::Image;

/// Says what the image says, that so many answers of whatever kind were given before, and whether it is stale.
pub(super) struct Turned<'i> {
    pub(super) image: &'i Image,
    pub(super) turn: u64,
    pub(super) is_stale: bool,
}

impl Tables for Turned<'_> {
    fn settings(&self) -> Option<&Settings> {
        self.image.settings()
    }

    fn service(&self, position: u32) -> Option<&Service> {
        self.image.service(position)
    }

    fn slot(&self, position: u32) -> u32 {
        self.image.slot(position)
    }

    fn answer_set(&self, slot: u32) -> Option<&AnswerSet> {
        self.image.answer_set(slot)
    }

    fn choice(&self, slot: u32) -> Option<&Choice> {
        self.image.choice(slot)
    }

    fn view(&self, client: Address, side: u8) -> u32 {
        self.image.view(client, side)
    }

    fn judge_rate(&self, client: Address) -> Verdict {
        self.image.judge_rate(client)
    }

    fn stale_mask(&self, _settings: &Settings) -> u32 {
        if self.is_stale { u32::MAX } else { 0 }
    }

    fn count(&self, _counter: Counter) -> u64 {
        self.turn
    }

    fn uncount(&self, _counter: Counter) {}
}
