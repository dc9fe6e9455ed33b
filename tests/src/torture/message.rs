//! Mutations that know what a DNS message is.

use fastrand::Rng;

use super::mutate;

const HEADER: usize = 12;
/// Behind the owner: type, size, extended RCODE, version, flags, length.
const OPT: usize = 11;

const FLAGS: [u16; 8] = [0x0000, 0x0100, 0x0110, 0x0120, 0x0130, 0x0010, 0x0020, 0x0300];
const TYPES: [u16; 20] = [0, 1, 2, 5, 6, 12, 15, 16, 28, 33, 41, 43, 48, 64, 65, 250, 251, 252, 255, 65280];
const CLASSES: [u16; 6] = [0, 1, 3, 4, 254, 255];
const OPTIONS: [u16; 9] = [3, 8, 9, 10, 11, 12, 15, 20, 65001];
const SIZES: [u16; 12] = [0, 100, 511, 512, 513, 548, 689, 1231, 1232, 1233, 4096, 0xffff];

/// Changes one thing. `names` are some that are known, in wire form; `other` is another message.
pub fn mutate(message: &mut Vec<u8>, names: &[Vec<u8>], other: &[u8], random: &mut Rng) {
    match random.u8(..32) {
        0 => put(message, 0, random.u16(..)),
        1 => {
            let flags = get(message, 2);
            put(message, 2, flags ^ (1 << random.u8(..16)));
        }
        2 | 3 => put(message, 2, FLAGS[random.usize(..FLAGS.len())]),
        4 => {
            let count = if random.u8(..4) == 0 { random.u16(..) } else { random.u16(..4) };
            put(message, 4 + 2 * random.usize(..4), count);
        }
        5..=7 => recase(message, random),
        8 | 9 => rename(message, names, random),
        10 => relabel(message, random),
        11..=14 => put_tail(message, 0, TYPES[random.usize(..TYPES.len())]),
        15 => put_tail(message, 0, random.u16(..)),
        16 => put_tail(message, 2, CLASSES[random.usize(..CLASSES.len())]),
        17..=19 => add_opt(message, random),
        20 | 21 => edit_opt(message, random),
        22 | 23 => add_option(message, random),
        24 => mutate::length(message, random),
        25 => mutate::splice(message, other, random),
        _ => mutate::bytes(message, random),
    }
}

/// Where the question's name ends; the message's end where it does not.
fn name_end(message: &[u8]) -> usize {
    let mut place = HEADER;
    while let Some(length) = message.get(place) {
        place += 1 + usize::from(*length);
        if *length == 0 {
            return place;
        }
    }
    message.len()
}

/// Letters in another case.
fn recase(message: &mut [u8], random: &mut Rng) {
    let end = name_end(message);
    for byte in message.get_mut(HEADER..end).unwrap_or_default() {
        if byte.is_ascii_alphabetic() && random.bool() {
            *byte ^= 0x20;
        }
    }
}

/// Another name, as it is, below a label, or without its first one.
fn rename(message: &mut Vec<u8>, names: &[Vec<u8>], random: &mut Rng) {
    let Some(mut name) = random.choice(names).cloned() else { return };
    match random.u8(..8) {
        0 => drop(name.splice(0..0, *b"\x03www")),
        1 => drop(name.drain(..(1 + usize::from(name[0])).min(name.len() - 1))),
        2 => {
            let label = vec![b'a' + random.u8(..26); random.usize(1..64)];
            name.splice(0..0, [vec![label.len() as u8], label].concat());
        }
        _ => {}
    }
    let end = name_end(message);
    if end >= HEADER {
        message.splice(HEADER..end, name);
    }
}

/// Another length for one label.
fn relabel(message: &mut [u8], random: &mut Rng) {
    let mut places = vec![HEADER];
    while let Some(length) = places.last().and_then(|place| message.get(*place)) {
        if *length == 0 {
            break;
        }
        let next = places.last().map_or(0, |place| place + 1 + usize::from(*length));
        places.push(next);
    }
    let place = places[random.usize(..places.len())];
    if let Some(length) = message.get_mut(place) {
        *length = match random.u8(..4) {
            0 => random.u8(..),
            1 => 0xc0 | random.u8(..64),
            2 => length.wrapping_add(1),
            _ => length.wrapping_sub(1),
        };
    }
}

/// An OPT behind the question; now and then behind another record.
fn add_opt(message: &mut Vec<u8>, random: &mut Rng) {
    let count = if random.u8(..8) == 0 { get(message, 10) } else { 0 };
    if count == 0 {
        message.truncate(name_end(message) + 4);
    }
    put(message, 10, count.wrapping_add(1));
    let [high, low] = SIZES[random.usize(..SIZES.len())].to_be_bytes();
    let flags = if random.bool() { 0x80 } else { 0 };
    message.extend([0, 0, 41, high, low, 0, 0, flags, 0, 0, 0]);
}

/// Where the first OPT begins, if it is the first record.
fn opt(message: &[u8]) -> Option<usize> {
    let place = name_end(message) + 4;
    (message.get(place..place + 3) == Some(&[0, 0, 41]) && message.len() >= place + OPT).then_some(place)
}

fn edit_opt(message: &mut [u8], random: &mut Rng) {
    let Some(place) = opt(message) else { return };
    match random.u8(..8) {
        0..=2 => put(message, place + 3, SIZES[random.usize(..SIZES.len())]),
        3 => put(message, place + 3, random.u16(..)),
        4 => message[place + 5] = random.u8(..),
        5 => message[place + 6] = if random.bool() { 1 } else { random.u8(..) },
        6 => put(message, place + 7, random.u16(..)),
        _ => put(message, place + 9, if random.bool() { random.u16(..20) } else { random.u16(..) }),
    }
}

/// One option more in an OPT that ends the message; now and then not as long as it says.
fn add_option(message: &mut Vec<u8>, random: &mut Rng) {
    let Some(place) = opt(message) else { return };
    let data: Vec<u8> = (0..random.usize(..20)).map(|_| random.u8(..)).collect();
    let lie = random.u8(..8) == 0;
    let said = if lie { random.u16(..30) } else { data.len() as u16 };
    message.extend(OPTIONS[random.usize(..OPTIONS.len())].to_be_bytes());
    message.extend(said.to_be_bytes());
    message.extend(&data);
    let length = message.len() - place - OPT;
    put(message, place + 9, length as u16);
}

/// A field behind the question's name.
fn put_tail(message: &mut [u8], offset: usize, value: u16) {
    put(message, name_end(message) + offset, value);
}

fn get(message: &[u8], place: usize) -> u16 {
    message.get(place..place + 2).map_or(0, |bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
}

fn put(message: &mut [u8], place: usize, value: u16) {
    if let Some(bytes) = message.get_mut(place..place + 2) {
        bytes.copy_from_slice(&value.to_be_bytes());
    }
}
