//! Mutations that know nothing of what the bytes mean.

use fastrand::Rng;

/// Bytes at the edges of something: counts, lengths of labels, pointers, letters.
const EDGES: [u8; 16] = [0, 1, 2, 12, 0x0c, 0x29, 0x3e, 0x3f, 0x40, 0x41, 0x5a, 0x7b, 0x7f, 0x80, 0xc0, 0xff];

/// Changes some bytes, at least one where there are any.
pub fn bytes(bytes: &mut Vec<u8>, random: &mut Rng) {
    if bytes.is_empty() {
        bytes.push(random.u8(..));
        return;
    }
    let place = random.usize(..bytes.len());
    match random.u8(..10) {
        0..=2 => bytes[place] ^= 1 << random.u8(..8),
        3 => bytes[place] = random.u8(..),
        4 | 5 => bytes[place] = EDGES[random.usize(..EDGES.len())],
        6 => bytes[place] = bytes[place].wrapping_add(if random.bool() { 1 } else { 0xff }),
        7 => bytes.insert(place, random.u8(..)),
        8 => drop(bytes.remove(place)),
        _ => {
            let length = random.usize(1..=8).min(bytes.len() - place);
            let piece = bytes[place..place + length].to_vec();
            bytes.splice(place..place, piece);
        }
    }
}

/// Changes the length.
pub fn length(bytes: &mut Vec<u8>, random: &mut Rng) {
    if random.bool() && !bytes.is_empty() {
        bytes.truncate(random.usize(..bytes.len()));
    } else {
        let most = if random.u8(..32) == 0 { 2000 } else { 24 };
        let filler = *random.choice(&[0, 0xff, 0xc0]).unwrap_or(&0);
        for _ in 0..random.usize(1..=most) {
            bytes.push(if random.bool() { filler } else { random.u8(..) });
        }
    }
}

/// Goes on as another one from some place on.
pub fn splice(bytes: &mut Vec<u8>, other: &[u8], random: &mut Rng) {
    let place = random.usize(..=bytes.len());
    let from = if random.bool() { place.min(other.len()) } else { random.usize(..=other.len()) };
    bytes.truncate(place);
    bytes.extend(&other[from..]);
}
