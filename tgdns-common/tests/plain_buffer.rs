//! The responder over the fuzzers' frames in a plain buffer, with tables of one name: small enough for Miri.

use std::{cell::Cell, fs, path::Path};

use bytemuck::{Pod, Zeroable as _};
use tgdns_common::{
    counter::Counter,
    name,
    packet::{Packet, TooShort},
    query::Question,
    rate,
    reason::{Reason, Verdict},
    respond,
    tables::{Address, AnswerSet, Choice, Service, Settings, Tables},
    wire::dns::{RecordHead, Type},
};

const NAME: &[u8] = b"\x08internet\x06intern\x04netz\0";

/// Miri takes some thousand times as long.
const MOST: usize = if cfg!(miri) { 60 } else { usize::MAX };

#[test]
fn frames_of_the_corpus() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/corpus/frame");
    let entries = fs::read_dir(&corpus).expect("there is a corpus");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("it can be listed").path()).collect();
    files.sort();
    let tables = OneName::new();
    let (mut answered, mut passed) = (0, 0);
    for file in files.iter().take(MOST) {
        let input = fs::read(file).expect("it can be read");
        let frame = input.get(1..).unwrap_or_default();
        let mut buffer = Buffer(frame.to_vec());
        let mut question = Question::new();
        match respond::to_frame(&mut buffer, &tables, &mut question) {
            Ok(_kind) => answered += 1,
            Err(reason) if reason.verdict() == Verdict::Pass => {
                assert_eq!(buffer.0, frame, "passed for {}", reason.as_str());
                passed += 1;
            }
            Err(_) => {}
        }
    }
    assert!(answered > 0 && passed > 0, "{answered} answered and {passed} passed of {}", files.len());
}

struct Buffer(Vec<u8>);

impl Packet for Buffer {
    fn length(&self) -> usize {
        self.0.len()
    }

    fn get<T: Pod>(&self, offset: usize) -> Result<T, TooShort> {
        let bytes = self.0.get(offset..).and_then(|rest| rest.get(..size_of::<T>()));
        bytes.map(bytemuck::pod_read_unaligned).ok_or(TooShort)
    }

    fn put<T: Pod>(&mut self, offset: usize, value: T) -> Result<(), Reason> {
        let bytes = self.0.get_mut(offset..).and_then(|rest| rest.get_mut(..size_of::<T>()));
        bytes.ok_or(Reason::Write)?.copy_from_slice(bytemuck::bytes_of(&value));
        Ok(())
    }

    fn resize(&mut self, length: usize) -> Result<(), Reason> {
        self.0.resize(length, 0xa5);
        Ok(())
    }

    fn shorten(&mut self, length: usize) -> Result<(), Reason> {
        self.0.truncate(length);
        Ok(())
    }
}

/// Whatever place is asked, there is the one answer set, and the service addresses one after the other.
struct OneName {
    settings: Settings,
    services: [Service; 2],
    set: AnswerSet,
    turn: Cell<u64>,
}

impl OneName {
    fn new() -> Self {
        let service =
            |address, family| Service { address, mac: [2, 0, 0, 0, 0, 0x53], family, ..Service::default() };
        let ipv4 = Address::from_ipv4([192, 0, 2, 53]).to_bytes();
        let ipv6 = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x53];
        let mut set = AnswerSet::zeroed();
        let mut wire = [0; name::MAX_LENGTH];
        wire[..NAME.len()].copy_from_slice(NAME);
        set.name = bytemuck::cast(wire);
        set.significant = bytemuck::cast(name::significant(&wire));
        set.ipv4.record = RecordHead::of_question(Type::A, 1, 4);
        (set.ipv4.count, set.ipv4.limit) = (3, 3);
        for (index, address) in set.ipv4.addresses[..6].iter_mut().enumerate() {
            *address = [192, 168, 1, 100 + (index % 3) as u8];
        }
        set.negative.length = 40;
        let mut settings = Settings { stale_at: 1_u64.to_be_bytes(), ..Settings::default() };
        (settings.names.bits, settings.services.bits) = (1, 1);
        let services = [service(ipv4, 4), service(ipv6, 6)];
        // Each of them has to be found at its place.
        let finds_all = |seed: &u32| {
            (0..).zip(services).all(|(place, service)| {
                settings.services.positions(service.key().hash(*seed)).contains(&place)
            })
        };
        let seed = (0..u32::MAX).find(finds_all).expect("two keys find two places");
        settings.services.seeds = [seed.to_be_bytes(); 2];
        Self { settings, services, set, turn: Cell::new(0) }
    }
}

impl Tables for OneName {
    fn settings(&self) -> Option<&Settings> {
        Some(&self.settings)
    }

    fn service(&self, position: u32) -> Option<&Service> {
        self.services.get(position as usize)
    }

    fn slot(&self, _position: u32) -> u32 {
        1
    }

    fn answer_set(&self, _slot: u32) -> Option<&AnswerSet> {
        Some(&self.set)
    }

    fn choice(&self, _slot: u32) -> Option<&Choice> {
        None
    }

    fn judge_rate(&self, _client: Address) -> rate::Verdict {
        rate::Verdict::Answer
    }

    fn view(&self, _client: Address, _side: u8) -> u32 {
        0
    }

    fn stale_mask(&self, settings: &Settings) -> u32 {
        settings.stale_mask(0)
    }

    fn count(&self, _counter: Counter) -> u64 {
        self.turn.replace(self.turn.get() + 1)
    }

    fn uncount(&self, _counter: Counter) {}
}
