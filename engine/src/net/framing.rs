//! Packets in a stream: each behind its length in two bytes. Source: RFC 4571, 2.

/// Nothing that a client sends in one packet is longer: media and SCTP keep below the MTU of a
/// network, a DTLS flight is cut into such records.
pub const LARGEST_FRAME: usize = 8 * 1024;

const HEADER: usize = 2;

/// Finds the packets in what came. What is not whole yet is kept: never more than one packet.
#[derive(Debug, Default)]
pub struct Deframer {
    partial: Vec<u8>,
}

/// The stream announced a packet that nobody sends: it is not one of ours.
#[derive(Debug, PartialEq, Eq)]
pub struct TooLong;

impl Deframer {
    /// Gives each packet that is whole now to `on`.
    pub fn take(&mut self, mut bytes: &[u8], mut on: impl FnMut(&[u8])) -> Result<(), TooLong> {
        while !bytes.is_empty() {
            if self.partial.is_empty()
                && let Some((frame, rest)) = whole(bytes)?
            {
                on(frame);
                bytes = rest;
                continue;
            }
            let missing = self.missing()?;
            let (now, later) = bytes.split_at(missing.min(bytes.len()));
            self.partial.extend_from_slice(now);
            bytes = later;
            if let Some((frame, _)) = whole(&self.partial)? {
                on(frame);
                self.partial.clear();
            }
        }
        Ok(())
    }

    /// Bytes until the length, or the packet behind it, is whole.
    fn missing(&self) -> Result<usize, TooLong> {
        Ok(match length(&self.partial)? {
            Some(length) => HEADER + length - self.partial.len(),
            None => HEADER - self.partial.len(),
        })
    }
}

fn length(bytes: &[u8]) -> Result<Option<usize>, TooLong> {
    let [high, low, ..] = bytes else {
        return Ok(None);
    };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    if length > LARGEST_FRAME { Err(TooLong) } else { Ok(Some(length)) }
}

/// The first packet, and what comes behind it.
type Split<'a> = (&'a [u8], &'a [u8]);

fn whole(bytes: &[u8]) -> Result<Option<Split<'_>>, TooLong> {
    let Some(length) = length(bytes)? else {
        return Ok(None);
    };
    let rest = bytes.get(HEADER..).unwrap_or_default();
    Ok((rest.len() >= length).then(|| rest.split_at(length)))
}

/// Adds a packet to what is to be written; false, and nothing added, for one that does not fit a
/// length of two bytes.
pub fn frame(packet: &[u8], out: &mut Vec<u8>) -> bool {
    let Ok(length) = u16::try_from(packet.len()) else {
        return false;
    };
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(packet);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(packets: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        assert!(packets.iter().all(|packet| frame(packet, &mut bytes)));
        bytes
    }

    #[test]
    fn packets_come_out_whole_however_the_stream_is_cut() {
        let packets: [&[u8]; 4] = [b"one", b"", &[7; 1_200], b"x"];
        let bytes = framed(&packets);
        for size in [1, 2, 3, 5, 1_000, bytes.len()] {
            let (mut deframer, mut got) = (Deframer::default(), Vec::new());
            for part in bytes.chunks(size) {
                deframer.take(part, |packet| got.push(packet.to_vec())).unwrap();
            }
            assert_eq!(got, packets, "cut at each {size}");
            assert!(deframer.partial.is_empty());
        }
    }

    #[test]
    fn a_length_that_nobody_sends_ends_it_and_takes_no_memory() {
        let mut deframer = Deframer::default();
        assert_eq!(deframer.take(&[0xff, 0xff, 1], |_| panic!("no packet")), Err(TooLong));
        let mut slowly = Deframer::default();
        assert_eq!(slowly.take(&[0xff], |_| panic!("no packet")), Ok(()));
        assert_eq!(slowly.take(&[0xff], |_| panic!("no packet")), Err(TooLong));
        assert!(!frame(&[0; 70_000], &mut Vec::new()));
    }
}
