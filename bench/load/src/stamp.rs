//! What the generator writes over the end of each payload, to know it again at the other end.
//!
//! Servers pass payloads on as they are (VP8's descriptor is at the beginning), and nobody decodes
//! them here. A stamp that reads well also proves that the packet was decrypted.

use std::sync::OnceLock;
use std::time::Instant;

/// Bytes at the end of a payload.
pub const LENGTH: usize = 24;
const MAGIC: u32 = 0x6d6f_696d;

/// The origin of the times in stamps.
fn origin() -> Instant {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    *ORIGIN.get_or_init(Instant::now)
}

/// One packet's stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Nanoseconds since the generator's origin.
    pub sent_ns: u64,
    /// The number of the publisher's track.
    pub track: u16,
    /// Its layer.
    pub layer: u8,
    /// The last packet of a key frame (or a packet of sound).
    pub entry: bool,
    /// Counts the packets of the layer.
    pub count: u32,
}

impl Stamp {
    /// Nanoseconds now.
    pub fn now_ns() -> u64 {
        origin().elapsed().as_nanos() as u64
    }

    /// Writes it over the payload's end; false when the payload is too short.
    pub fn write(&self, payload: &mut [u8]) -> bool {
        let Some(place) = payload.last_chunk_mut::<LENGTH>() else {
            return false;
        };
        place[..8].copy_from_slice(&self.sent_ns.to_le_bytes());
        place[8..10].copy_from_slice(&self.track.to_le_bytes());
        place[10] = self.layer;
        place[11] = u8::from(self.entry);
        place[12..16].copy_from_slice(&self.count.to_le_bytes());
        let sum = checksum(&place[..16]);
        place[16..20].copy_from_slice(&sum.to_le_bytes());
        place[20..24].copy_from_slice(&MAGIC.to_le_bytes());
        true
    }

    /// Reads it; None when the payload is not one of ours, or was damaged.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let place = payload.last_chunk::<LENGTH>()?;
        let word = |at: usize| {
            u32::from_le_bytes([place[at], place[at + 1], place[at + 2], place[at + 3]])
        };
        if word(20) != MAGIC || word(16) != checksum(&place[..16]) {
            return None;
        }
        Some(Self {
            sent_ns: u64::from(word(0)) | u64::from(word(4)) << 32,
            track: u16::from_le_bytes([place[8], place[9]]),
            layer: place[10],
            entry: place[11] == 1,
            count: word(12),
        })
    }
}

/// FNV-1a.
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |sum, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_read_as_it_was_written_and_damage_is_seen() {
        let stamp = Stamp { sent_ns: 1 << 40 | 7, track: 300, layer: 2, entry: true, count: 9 };
        let mut payload = vec![1; 80];
        assert!(stamp.write(&mut payload));
        assert_eq!(Stamp::read(&payload), Some(stamp));
        payload[60] ^= 1;
        assert_eq!(Stamp::read(&payload), None);
        assert!(!stamp.write(&mut [0; 10]));
    }
}
