//! Which spatial layer a packet is of, where one stream carries several (SVC).
//!
//! VP9 says it in its payload descriptor, AV1 in the dependency descriptor. Both stay in the clear
//! when frames are encrypted end to end.

use str0m::format::Codec;

use super::dependency::DependencyDescriptor;

/// The place of a packet among the layers of its picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spatial {
    /// The layer, from 0.
    pub id: u8,
    /// The packet is the last of the layer's frame.
    pub ends: bool,
}

/// Reads the packets of one stream in turn.
#[derive(Debug, Default)]
pub struct SpatialReader {
    /// Of the stream's dependency structure: the number of its first template, and the spatial
    /// layer of each.
    templates: (u8, Vec<u8>),
    top: u8,
}

impl SpatialReader {
    /// The layer of a packet; None where the stream does not say.
    pub fn read(
        &mut self,
        codec: Codec,
        payload: &[u8],
        descriptor: Option<&DependencyDescriptor>,
    ) -> Option<Spatial> {
        let found = match codec {
            Codec::Vp9 => vp9(payload),
            Codec::Av1 => self.av1(descriptor?),
            _ => None,
        }?;
        self.top = self.top.max(found.id);
        Some(found)
    }

    /// The highest layer that came.
    pub fn top(&self) -> u8 {
        self.top
    }

    fn av1(&mut self, descriptor: &DependencyDescriptor) -> Option<Spatial> {
        if let Some(structure) = descriptor.structure() {
            self.templates = structure;
        }
        let (offset, layers) = &self.templates;
        let index = (descriptor.template() + TEMPLATES - offset) % TEMPLATES;
        let id = *layers.get(usize::from(index))?;
        Some(Spatial { id, ends: descriptor.ends_frame() })
    }
}

/// The numbers of templates go in a circle of so many.
const TEMPLATES: u8 = 64;

/// Source: RFC 9628, 4.2.
fn vp9(payload: &[u8]) -> Option<Spatial> {
    let first = *payload.first()?;
    let (has_picture_id, has_layers) = (first & 0x80 != 0, first & 0x20 != 0);
    if !has_layers {
        return None;
    }
    let mut offset = 1;
    if has_picture_id {
        offset += if payload.get(offset)? & 0x80 != 0 { 2 } else { 1 };
    }
    let layer = payload.get(offset)?;
    Some(Spatial { id: (layer >> 1) & 0x07, ends: first & 0x04 != 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(reader: &mut SpatialReader, bytes: &[u8]) -> Option<Spatial> {
        let descriptor = DependencyDescriptor::parse(bytes);
        reader.read(Codec::Av1, &[], descriptor.as_ref())
    }

    #[test]
    fn vp9_says_its_layer_behind_the_picture_id() {
        let mut reader = SpatialReader::default();
        let mut of = |payload: &[u8]| reader.read(Codec::Vp9, payload, None);
        assert_eq!(of(&[0xa8, 0x81, 0x02, 0x04]), Some(Spatial { id: 2, ends: false }));
        assert_eq!(of(&[0xa4, 0x01, 0x22]), Some(Spatial { id: 1, ends: true }));
        assert_eq!(of(&[0x88, 0x01]), None, "one layer, and no word of it");
        assert_eq!(of(&[0xa8, 0x81, 0x02]), None, "cut short");
        assert_eq!(of(&[]), None);
        assert_eq!(reader.top(), 2);
    }

    #[test]
    fn av1_names_a_template_of_the_structure_that_came_with_the_last_key_frame() {
        let mut reader = SpatialReader::default();
        assert_eq!(read(&mut reader, &[0xc0, 0, 1]), None, "no structure yet");
        // Template 62 of frame 7, with a structure: its first template is 62, and the layers go
        // same, next spatial, same, next temporal, end.
        let bits = concat!(
            "1",
            "0",
            "111110",
            "0000000000000111", // start, end, template, frame number
            "10000",            // a structure comes, and nothing else
            "111110",
            "00000", // template offset, decode targets less one
            "00",
            "10",
            "00",
            "01",
            "11",
        );
        let bytes: Vec<u8> = bits
            .as_bytes()
            .chunks(8)
            .map(|byte| {
                byte.iter().enumerate().fold(0, |all, (n, bit)| all | (bit - 48) << (7 - n))
            })
            .collect();
        assert_eq!(read(&mut reader, &bytes), Some(Spatial { id: 0, ends: false }));
        // The templates 62, 63, 0, 1, 2.
        let ids: Vec<u8> = [62u8, 63, 0, 1, 2]
            .iter()
            .map(|template| read(&mut reader, &[0x40 | template, 0, 8]).unwrap().id)
            .collect();
        assert_eq!(ids, [0, 0, 1, 1, 1]);
        assert_eq!(read(&mut reader, &[0x43, 0, 9]), None, "no such template");
        assert!(read(&mut reader, &[0x7e, 0, 8]).unwrap().ends);
    }
}
