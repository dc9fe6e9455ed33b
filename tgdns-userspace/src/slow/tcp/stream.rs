//! The messages in a stream of bytes: each has its length before it, in two bytes (RFC 1035 4.2.2, RFC 7766 8).
//!
//! Pure: bytes in, messages out, in whatever pieces the bytes arrive.

/// The bytes of the length before a message.
pub const PREFIX: usize = 2;

/// What of a stream has arrived but is no whole message yet: nothing between two messages.
#[derive(Debug, Default)]
pub struct Stream {
    /// A message that arrives in pieces, with its length before it. Once whole it has been given out.
    begun: Vec<u8>,
}

impl Stream {
    /// Takes the next message, which may be empty, from what has arrived; nothing when all of that is used up.
    ///
    /// Memory grows with the bytes that arrive, not with the length that they announce.
    pub fn next_message<'m, 'a: 'm>(&'m mut self, arrived: &mut &'a [u8]) -> Option<&'m [u8]> {
        if self.is_whole() {
            self.begun = Vec::new();
        }
        if self.begun.is_empty()
            && let Some(length) = message_length(arrived)
            && let Some((message, rest)) = arrived.split_at_checked(PREFIX + length)
        {
            *arrived = rest;
            return message.get(PREFIX..);
        }
        self.take(arrived, PREFIX);
        if let Some(length) = message_length(&self.begun) {
            self.take(arrived, PREFIX + length);
        }
        if self.is_whole() { self.begun.get(PREFIX..) } else { None }
    }

    /// Whether the stream may end here: all that has arrived was given out.
    pub fn is_between_messages(&self) -> bool {
        self.begun.is_empty() || self.is_whole()
    }

    fn is_whole(&self) -> bool {
        message_length(&self.begun).is_some_and(|length| self.begun.len() == PREFIX + length)
    }

    /// Moves bytes behind those that have begun, until there are so many.
    fn take(&mut self, arrived: &mut &[u8], upto: usize) {
        let missing = upto.saturating_sub(self.begun.len());
        let (taken, rest) = arrived.split_at(missing.min(arrived.len()));
        let needed = self.begun.len() + taken.len();
        if needed > self.begun.capacity() {
            // Twice as much, so that bytes that arrive one by one aren't moved each time.
            let room = (2 * needed).min(upto.max(needed));
            self.begun.reserve_exact(room - self.begun.len());
        }
        self.begun.extend_from_slice(taken);
        *arrived = rest;
    }
}

fn message_length(bytes: &[u8]) -> Option<usize> {
    bytes.first_chunk().map(|prefix| usize::from(u16::from_be_bytes(*prefix)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The messages of a stream that arrives in pieces, and whether it may end there.
    fn messages<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> (Vec<Vec<u8>>, bool) {
        let mut stream = Stream::default();
        let mut messages = Vec::new();
        for mut piece in pieces {
            while let Some(message) = stream.next_message(&mut piece) {
                messages.push(message.to_vec());
            }
            assert!(piece.is_empty(), "all of a piece is used up");
        }
        (messages, stream.is_between_messages())
    }

    #[test]
    fn pieces() {
        type Row = (&'static [&'static [u8]], &'static [&'static [u8]], bool);
        let rows: [Row; 11] = [
            (&[], &[], true),
            (&[&[0, 1, 7]], &[&[7]], true),
            (&[&[0, 1, 7, 0, 2, 8, 9]], &[&[7], &[8, 9]], true),
            // A length alone, and one in two pieces.
            (&[&[0, 1], &[7]], &[&[7]], true),
            (&[&[0], &[1], &[7]], &[&[7]], true),
            (&[&[0, 1, 7, 0], &[2, 8, 9]], &[&[7], &[8, 9]], true),
            // The end of one message with the start of the next.
            (&[&[0, 2, 8], &[9, 0, 1, 7, 0, 1], &[6]], &[&[8, 9], &[7], &[6]], true),
            // Empty messages, and empty pieces.
            (&[&[0, 0, 0], &[], &[0, 0, 1, 7]], &[&[], &[], &[7]], true),
            (&[&[0]], &[], false),
            (&[&[0, 2]], &[], false),
            (&[&[0, 1, 7, 0, 2, 8]], &[&[7]], false),
        ];
        for (pieces, expected, may_end) in rows {
            let expected = expected.iter().map(|message| message.to_vec()).collect();
            assert_eq!(messages(pieces.iter().copied()), (expected, may_end), "{pieces:?}");
        }
    }

    /// However a stream is cut, its messages are the same, and the last that is missing a byte is none.
    #[test]
    fn any_cut() {
        let mut random = fastrand::Rng::with_seed(0x7467_646e_7322);
        for round in 0..500 {
            let mut expected = Vec::new();
            let mut bytes = Vec::new();
            for _ in 0..random.usize(1..20) {
                let longest = if random.u8(..) == 0 { 65_535 } else { 1 << random.u8(..9) };
                let message: Vec<u8> = (0..random.u16(0..=longest)).map(|_| random.u8(..)).collect();
                bytes.extend(u16::try_from(message.len()).expect("short").to_be_bytes());
                bytes.extend(&message);
                expected.push(message);
            }
            let longest_piece = 1 << random.u8(..14);
            let mut pieces = Vec::new();
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(random.usize(0..=rest.len().min(longest_piece)));
                pieces.push(piece);
                rest = after;
            }
            assert_eq!(messages(pieces.iter().copied()), (expected.clone(), true), "round {round}");
            expected.pop();
            let (_, all_but_one) = bytes.split_last().expect("not empty");
            assert_eq!(messages(all_but_one.chunks(longest_piece)), (expected, false), "round {round}");
        }
    }

    #[test]
    fn memory_follows_what_has_arrived() {
        let mut stream = Stream::default();
        assert_eq!(stream.next_message(&mut [0xff, 0xff].as_slice()), None);
        for arrived in PREFIX..PREFIX + 65_535 {
            let capacity = stream.begun.capacity();
            assert!(capacity <= (2 * arrived).min(PREFIX + 65_535), "{capacity} bytes for {arrived}");
            let message = stream.next_message(&mut [7].as_slice()).map(<[u8]>::len);
            assert_eq!(message, (arrived == PREFIX + 65_534).then_some(65_535));
        }
        // The whole message is given back at the next call, even if that brings nothing.
        assert!(stream.is_between_messages());
        assert_eq!(stream.next_message(&mut [].as_slice()), None);
        assert_eq!(stream.begun.capacity(), 0);
    }
}
