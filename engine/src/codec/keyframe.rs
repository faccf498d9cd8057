//! Whether an RTP payload is the first packet of a key frame.

use str0m::format::Codec;

/// True for the first packet from which a decoder can start.
///
/// Codecs that are not known to the engine, and audio, can be entered at any packet.
pub fn starts_key_frame(codec: Codec, payload: &[u8]) -> bool {
    match codec {
        Codec::Vp8 => vp8(payload),
        Codec::Vp9 => vp9(payload),
        Codec::H264 => h264(payload),
        Codec::Av1 => av1(payload),
        _ => true,
    }
}

/// Source: RFC 7741, 4.2 (descriptor) and RFC 6386, 9.1 (frame tag: bit 0 clear is a key frame).
fn vp8(payload: &[u8]) -> bool {
    let Some(&first) = payload.first() else {
        return false;
    };
    if first & 0x10 == 0 || first & 0x07 != 0 {
        return false;
    }
    let mut offset = 1;
    if first & 0x80 != 0 {
        let Some(&extension) = payload.get(offset) else {
            return false;
        };
        offset += 1;
        if extension & 0x80 != 0 {
            let Some(&picture_id) = payload.get(offset) else {
                return false;
            };
            offset += if picture_id & 0x80 != 0 { 2 } else { 1 };
        }
        if extension & 0x40 != 0 {
            offset += 1;
        }
        if extension & 0x30 != 0 {
            offset += 1;
        }
    }
    payload.get(offset).is_some_and(|tag| tag & 0x01 == 0)
}

/// Source: RFC 9628, 4.2: the beginning of a frame, not predicted from others, lowest layer.
fn vp9(payload: &[u8]) -> bool {
    let Some(&first) = payload.first() else {
        return false;
    };
    let picture_id = first & 0x80 != 0;
    let predicted = first & 0x40 != 0;
    let layered = first & 0x20 != 0;
    let begins = first & 0x08 != 0;
    if predicted || !begins {
        return false;
    }
    if !layered {
        return true;
    }
    let mut offset = 1;
    if picture_id {
        match payload.get(offset) {
            Some(byte) => offset += if byte & 0x80 != 0 { 2 } else { 1 },
            None => return false,
        }
    }
    payload.get(offset).is_some_and(|layer| (layer >> 1) & 0x07 == 0)
}

const NAL_IDR: u8 = 5;
const NAL_SPS: u8 = 7;
const NAL_STAP_A: u8 = 24;
const NAL_FU_A: u8 = 28;

/// Source: RFC 6184, 5.6 to 5.8: an IDR slice or the parameter set before one.
fn h264(payload: &[u8]) -> bool {
    let Some((&first, rest)) = payload.split_first() else {
        return false;
    };
    match first & 0x1f {
        NAL_IDR | NAL_SPS => true,
        NAL_STAP_A => {
            let mut rest = rest;
            while let [high, low, unit @ ..] = rest {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                let Some(header) = unit.first().filter(|_| length > 0) else {
                    return false;
                };
                if matches!(header & 0x1f, NAL_IDR | NAL_SPS) {
                    return true;
                }
                rest = unit.get(length..).unwrap_or_default();
            }
            false
        }
        NAL_FU_A => {
            rest.first().is_some_and(|header| header & 0x80 != 0 && header & 0x1f == NAL_IDR)
        }
        _ => false,
    }
}

/// Source: AV1 RTP specification, 4.4: bit N of the aggregation header marks a new sequence.
fn av1(payload: &[u8]) -> bool {
    payload.first().is_some_and(|header| header & 0x08 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vp8_key_frame_is_known_by_its_frame_tag() {
        assert!(vp8(&[0x10, 0x00]));
        assert!(!vp8(&[0x10, 0x01]), "an inter frame");
        assert!(!vp8(&[0x00, 0x00]), "not the start of a partition");
        assert!(!vp8(&[0x11, 0x00]), "not the first partition");
        assert!(vp8(&[0x90, 0xf0, 0x81, 0x02, 0x05, 0x20, 0x00]));
        assert!(!vp8(&[0x90, 0xf0, 0x81, 0x02, 0x05, 0x20, 0x01]));
        assert!(!vp8(&[0x90, 0xf0, 0x81]), "cut short");
    }

    #[test]
    fn a_vp9_key_frame_begins_a_frame_of_the_lowest_layer() {
        assert!(vp9(&[0x08]));
        assert!(!vp9(&[0x48]), "predicted from another");
        assert!(!vp9(&[0x00]), "not the beginning");
        assert!(vp9(&[0xa8, 0x01, 0x00]));
        assert!(vp9(&[0xa8, 0x81, 0x02, 0x00]));
        assert!(!vp9(&[0xa8, 0x01, 0x02]), "of a higher spatial layer");
        assert!(!vp9(&[0xa8]));
    }

    #[test]
    fn an_h264_key_frame_may_hide_in_an_aggregate_or_a_fragment() {
        assert!(h264(&[0x65]));
        assert!(h264(&[0x67]));
        assert!(!h264(&[0x41]));
        assert!(h264(&[0x78, 0, 1, 0x09, 0, 1, 0x65]));
        assert!(!h264(&[0x78, 0, 1, 0x09, 0, 1, 0x41]));
        assert!(!h264(&[0x78, 0, 0, 0, 0]), "an empty unit ends it");
        assert!(h264(&[0x7c, 0x85]));
        assert!(!h264(&[0x7c, 0x05]), "a later fragment");
    }

    #[test]
    fn an_av1_key_frame_starts_a_coded_video_sequence() {
        assert!(av1(&[0x18]));
        assert!(!av1(&[0x10]));
        assert!(!av1(&[]));
    }
}
