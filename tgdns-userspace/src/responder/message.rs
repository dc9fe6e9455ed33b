//! A message in a buffer, as the responder sees it.

use bytemuck::Pod;
use tgdns_common::{
    packet::{Packet, TooShort},
    reason::Reason,
};

/// A message at the start of a buffer that may be longer.
pub struct Message<'b> {
    buffer: &'b mut [u8],
    length: usize,
}

impl<'b> Message<'b> {
    pub fn new(buffer: &'b mut [u8], length: usize) -> Self {
        let length = length.min(buffer.len());
        Self { buffer, length }
    }

    pub fn into_length(self) -> usize {
        self.length
    }
}

impl Packet for Message<'_> {
    fn length(&self) -> usize {
        self.length
    }

    fn get<T: Pod>(&self, offset: usize) -> Result<T, TooShort> {
        let message = self.buffer.get(..self.length).unwrap_or_default();
        let bytes = message.get(offset..).and_then(|rest| rest.get(..size_of::<T>()));
        bytes.map(bytemuck::pod_read_unaligned).ok_or(TooShort)
    }

    fn put<T: Pod>(&mut self, offset: usize, value: T) -> Result<(), Reason> {
        let message = self.buffer.get_mut(..self.length).unwrap_or_default();
        let bytes = message.get_mut(offset..).and_then(|rest| rest.get_mut(..size_of::<T>()));
        bytes.ok_or(Reason::Write)?.copy_from_slice(bytemuck::bytes_of(&value));
        Ok(())
    }

    fn resize(&mut self, length: usize) -> Result<(), Reason> {
        if length > self.buffer.len() {
            return Err(Reason::NoRoom);
        }
        self.length = length;
        Ok(())
    }

    fn shorten(&mut self, length: usize) -> Result<(), Reason> {
        self.resize(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_end_at_the_message() {
        let mut buffer = [1, 2, 3, 4, 5, 6];
        let mut message = Message::new(&mut buffer, 4);
        for (offset, expected) in [
            (0, Ok([1, 2])),
            (2, Ok([3, 4])),
            (3, Err(TooShort)),
            (4, Err(TooShort)),
            (usize::MAX, Err(TooShort)),
        ] {
            assert_eq!(message.get::<[u8; 2]>(offset), expected, "get at {offset}");
            let put = message.put(offset, [1_u8, 2]);
            assert_eq!(put, expected.map(|_| ()).map_err(|_| Reason::Write), "put at {offset}");
        }
        assert_eq!(buffer, [1, 2, 1, 2, 5, 6]);
    }

    #[test]
    fn a_message_grows_to_its_buffer_at_most() {
        let mut buffer = [0; 6];
        let mut message = Message::new(&mut buffer, 9);
        assert_eq!(message.length(), 6);
        for (length, expected) in [(4, Ok(())), (6, Ok(())), (7, Err(Reason::NoRoom))] {
            assert_eq!(message.resize(length), expected, "{length}");
        }
        assert_eq!(message.into_length(), 6);
    }
}
