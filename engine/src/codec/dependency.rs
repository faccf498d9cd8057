//! The dependency descriptor, which AV1 and VP9 in several layers cannot be decoded without.
//!
//! It goes through as it came; only its frame number is rewritten over a change of layers.
//! Source: AV1 RTP payload specification, Appendix A (A.8.2: the mandatory fields).

use std::sync::Arc;

use str0m::rtp::{Extension, ExtensionSerializer, ExtensionValues};

const URI: &str = concat!(
    "https://aomediacodec.github.io/av1-rtp-spec/",
    "#dependency-descriptor-rtp-header-extension"
);
/// More than a structure of all decode targets takes; what is longer is none.
const MAX_BYTES: usize = 255;
const MANDATORY_BYTES: usize = 3;
const ONE_BYTE_FORM_BYTES: usize = 16;
const MAX_TEMPLATES: usize = 64;

/// The descriptor of one packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DependencyDescriptor(Arc<[u8]>);

impl DependencyDescriptor {
    /// The descriptor that a packet came with.
    pub fn of(values: &ExtensionValues) -> Option<&Self> {
        values.user_values.get::<Self>()
    }

    /// Reads one; None for what is too short or too long to be one.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        (MANDATORY_BYTES..=MAX_BYTES).contains(&bytes.len()).then(|| Self(bytes.into()))
    }

    /// Counts frames, modulo 2^16.
    pub fn frame_number(&self) -> u16 {
        u16::from_be_bytes([self.byte(1), self.byte(2)])
    }

    /// The template that the frame follows.
    pub fn template(&self) -> u8 {
        self.byte(0) & 0x3f
    }

    /// Whether the packet is the last of its frame.
    pub fn ends_frame(&self) -> bool {
        self.byte(0) & 0x40 != 0
    }

    /// The structure, where the packet brings one: the number of its first template, and the
    /// spatial layer of each. Source: A.8.2, `template_dependency_structure` and
    /// `template_layers`.
    pub fn structure(&self) -> Option<(u8, Vec<u8>)> {
        let mut bits = Bits { bytes: &self.0, at: MANDATORY_BYTES * 8 };
        let present = bits.take(1)? == 1;
        bits.take(4)?;
        if !present {
            return None;
        }
        let offset = bits.take(6)?;
        bits.take(5)?;
        let (mut spatial, mut layers) = (0, Vec::new());
        while layers.len() < MAX_TEMPLATES {
            layers.push(spatial);
            match bits.take(2)? {
                2 => spatial += 1,
                3 => return Some((offset, layers)),
                // The same layer, or the next temporal one.
                _ => {}
            }
        }
        None
    }

    /// The same with another frame number.
    pub fn renumbered(&self, number: u16) -> Self {
        let mut bytes: Arc<[u8]> = Arc::from(&*self.0);
        if let Some([_, high, low, ..]) = Arc::get_mut(&mut bytes) {
            [*high, *low] = number.to_be_bytes();
        }
        Self(bytes)
    }

    fn byte(&self, at: usize) -> u8 {
        self.0.get(at).copied().unwrap_or_default()
    }
}

/// Bits from the highest of each byte on.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    /// The next ones, at most eight; None behind the end.
    fn take(&mut self, count: usize) -> Option<u8> {
        let mut value = 0;
        for _ in 0..count {
            let byte = self.bytes.get(self.at / 8)?;
            value = value << 1 | (byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(value)
    }
}

/// What is added to the frame numbers of the layer that is forwarded now.
#[derive(Debug, Default)]
pub struct FrameNumbers {
    offset: u16,
    last: Option<u16>,
}

impl FrameNumbers {
    /// The next packet is the first of another layer: it follows the last one sent.
    pub fn switch(&mut self, next: &DependencyDescriptor) {
        if let Some(last) = self.last {
            self.offset = last.wrapping_add(1).wrapping_sub(next.frame_number());
        }
    }

    /// The descriptor to send instead, where its number changes.
    pub fn rewrite(&mut self, came: &DependencyDescriptor) -> Option<DependencyDescriptor> {
        let number = came.frame_number().wrapping_add(self.offset);
        // Of two numbers the later one is less than half the circle ahead.
        if self.last.is_none_or(|last| number.wrapping_sub(last) < 0x8000) {
            self.last = Some(number);
        }
        (self.offset != 0).then(|| came.renumbered(number))
    }
}

/// The extension, for a connection's configuration.
pub fn extension() -> Extension {
    Extension::with_serializer(URI, Wire)
}

#[derive(Debug)]
struct Wire;

impl ExtensionSerializer for Wire {
    fn write_to(&self, buf: &mut [u8], values: &ExtensionValues) -> usize {
        let Some(DependencyDescriptor(bytes)) = DependencyDescriptor::of(values) else {
            return 0;
        };
        match buf.get_mut(..bytes.len()) {
            Some(space) => {
                space.copy_from_slice(bytes);
                bytes.len()
            }
            None => 0,
        }
    }

    fn parse_value(&self, buf: &[u8], values: &mut ExtensionValues) -> bool {
        let parsed = DependencyDescriptor::parse(buf);
        let fits = parsed.is_some();
        if let Some(descriptor) = parsed {
            values.user_values.set(descriptor);
        }
        fits
    }

    fn is_video(&self) -> bool {
        true
    }

    fn is_audio(&self) -> bool {
        false
    }

    fn requires_two_byte_form(&self, values: &ExtensionValues) -> bool {
        DependencyDescriptor::of(values).is_some_and(|one| one.0.len() > ONE_BYTE_FORM_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descriptor(number: u16, size: usize) -> ExtensionValues {
        let mut bytes = vec![0xc1, 0, 0];
        bytes[1..3].copy_from_slice(&number.to_be_bytes());
        bytes.resize(size, 0x5a);
        let mut values = ExtensionValues::default();
        assert!(Wire.parse_value(&bytes, &mut values));
        values
    }

    #[test]
    fn what_comes_goes_out_as_it_was() {
        for size in [3, 16, 17, 90] {
            let values = descriptor(7, size);
            let mut out = [0; 255];
            assert_eq!(Wire.write_to(&mut out, &values), size);
            assert_eq!(out[..3], [0xc1, 0, 7]);
            assert_eq!(Wire.requires_two_byte_form(&values), size > 16);
        }
        let mut values = ExtensionValues::default();
        assert!(!Wire.parse_value(&[1, 2], &mut values));
        assert!(!Wire.parse_value(&[0; 256], &mut values));
        assert_eq!(Wire.write_to(&mut [0; 9], &ExtensionValues::default()), 0);
        assert_eq!(Wire.write_to(&mut [0; 9], &descriptor(1, 10)), 0, "no room");
    }

    #[test]
    fn frame_numbers_go_on_over_a_change_of_layers() {
        let mut numbers = FrameNumbers::default();
        let of = |number| DependencyDescriptor::of(&descriptor(number, 5)).unwrap().clone();
        numbers.switch(&of(65_535));
        assert_eq!(numbers.rewrite(&of(65_535)), None, "as it came");
        assert_eq!(numbers.rewrite(&of(0)), None);
        numbers.switch(&of(500));
        assert_eq!(numbers.rewrite(&of(500)).unwrap().frame_number(), 1);
        assert_eq!(numbers.rewrite(&of(502)).unwrap().frame_number(), 3);
        assert_eq!(numbers.rewrite(&of(501)).unwrap().frame_number(), 2, "a late one");
        numbers.switch(&of(9));
        assert_eq!(numbers.rewrite(&of(9)).unwrap().frame_number(), 4);
    }
}
