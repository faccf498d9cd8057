//! Recorded media, and how it becomes RTP payloads.

use std::path::Path;
use std::sync::Arc;
use std::{fs, io};

/// VP8 payloads are at most this long, as libwebrtc makes them for packets of 1,200 bytes.
const MAX_PAYLOAD: usize = 1_140;
/// X, I and a picture id of fifteen bits. Source: RFC 7741, 4.2.
const DESCRIPTOR: usize = 4;

/// One encoded picture, or twenty milliseconds of sound.
#[derive(Debug)]
pub struct Frame {
    /// Whether a decoder can start here.
    pub key: bool,
    /// As the encoder gave it.
    pub bytes: Vec<u8>,
}

/// What is played again and again; it begins with a key frame.
#[derive(Debug)]
pub struct Recording {
    /// The frames, at least one.
    pub frames: Vec<Frame>,
}

impl Recording {
    /// Reads a file of frames: a length of four bytes (little-endian), a byte that is 1 for key
    /// frames, and the frame.
    pub fn read(path: &Path) -> io::Result<Arc<Self>> {
        let bytes = fs::read(path)?;
        let mut rest = bytes.as_slice();
        let mut frames = Vec::new();
        while let Some((head, tail)) = rest.split_first_chunk::<5>() {
            let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
            let Some((frame, tail)) = tail.split_at_checked(length) else {
                break;
            };
            frames.push(Frame { key: head[4] == 1, bytes: frame.to_vec() });
            rest = tail;
        }
        if !rest.is_empty() || !frames.first().is_some_and(|frame| frame.key) {
            return Err(io::Error::other(format!("{}: not a recording", path.display())));
        }
        Ok(Arc::new(Self { frames }))
    }
}

/// Splits a picture as libwebrtc does: parts of one size, later ones a byte longer.
pub fn packetise(frame: &[u8], picture: u16, mut on: impl FnMut(Vec<u8>, bool)) {
    let parts = frame.len().div_ceil(MAX_PAYLOAD - DESCRIPTOR).max(1);
    let (size, longer) = (frame.len() / parts, frame.len() % parts);
    let mut rest = frame;
    for part in 0..parts {
        let take = size + usize::from(part >= parts - longer);
        let (bytes, tail) = rest.split_at(take);
        rest = tail;
        let begins = if part == 0 { 0x90 } else { 0x80 };
        let [high, low] = picture.to_be_bytes();
        let mut payload = Vec::with_capacity(DESCRIPTOR + take);
        payload.extend_from_slice(&[begins, 0x80, 0x80 | high, low]);
        payload.extend_from_slice(bytes);
        on(payload, part + 1 == parts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_split_into_about_equal_parts_and_nothing_is_lost() {
        let frame: Vec<u8> = (0..3_001u32).map(|n| n as u8).collect();
        let mut parts = Vec::new();
        packetise(&frame, 0x1234, |payload, last| parts.push((payload, last)));
        let sizes: Vec<usize> = parts.iter().map(|(payload, _)| payload.len() - 4).collect();
        assert_eq!(sizes, [1_000, 1_000, 1_001]);
        assert_eq!(parts.iter().map(|(_, last)| *last).collect::<Vec<_>>(), [false, false, true]);
        assert_eq!(parts[0].0[..4], [0x90, 0x80, 0x92, 0x34]);
        assert_eq!(parts[1].0[0], 0x80);
        let whole: Vec<u8> = parts.iter().flat_map(|(payload, _)| &payload[4..]).copied().collect();
        assert_eq!(whole, frame);
    }
}
