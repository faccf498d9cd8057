//! A published track: its layers, and when its publisher is asked for a key frame.

use std::time::{Duration, Instant};

use str0m::format::PayloadParams;
use str0m::media::{MediaKind, Pt};
use str0m::rtp::Ssrc;

use crate::codec::SpatialReader;
use crate::ids::{ParticipantId, PeerId};
use crate::peer::TOP_LAYER;

/// The publisher is asked at most this often for each layer: key frames are large.
pub const KEY_FRAME_INTERVAL: Duration = Duration::from_millis(500);

/// A stream that does not answer is given up until somebody wants it again.
const KEY_FRAME_TRIES: u8 = 20;

/// One simulcast layer.
#[derive(Debug)]
pub struct Layer {
    /// Its stream.
    pub ssrc: Ssrc,
    /// Whether packets of it arrive.
    pub arriving: bool,
    wanted: bool,
    asked: Option<Instant>,
    tries: u8,
}

impl Layer {
    /// When the publisher may be asked, if somebody waits.
    fn due(&self) -> Option<Instant> {
        let asked = self.wanted.then_some(self.asked)?;
        asked.map(|asked| asked + KEY_FRAME_INTERVAL)
    }
}

/// A published track.
#[derive(Debug)]
pub struct Track {
    /// The connection that it comes from.
    pub peer: PeerId,
    /// Who publishes it.
    pub participant: ParticipantId,
    /// Its kind.
    pub kind: MediaKind,
    /// The codec of the last packet.
    pub codec: Option<(Pt, PayloadParams)>,
    /// Who gets it.
    pub subscribers: Vec<PeerId>,
    /// Reads the spatial layers of its one stream, where that has several.
    pub spatial: SpatialReader,
    layers: [Option<Layer>; TOP_LAYER as usize + 1],
}

impl Track {
    /// A track whose packets have not come yet.
    pub fn new(peer: PeerId, participant: ParticipantId, kind: MediaKind) -> Self {
        Self {
            peer,
            participant,
            kind,
            codec: None,
            subscribers: Vec::new(),
            spatial: SpatialReader::default(),
            layers: [const { None }; TOP_LAYER as usize + 1],
        }
    }

    /// A packet of a layer came; true when the layer was not there before.
    pub fn arrived(&mut self, layer: u8, ssrc: Ssrc) -> bool {
        let Some(slot) = self.layers.get_mut(usize::from(layer)) else {
            return false;
        };
        match slot {
            Some(known) if known.ssrc == ssrc => {
                let back = !known.arriving;
                known.arriving = true;
                back
            }
            _ => {
                *slot = Some(Layer { ssrc, arriving: true, wanted: false, asked: None, tries: 0 });
                true
            }
        }
    }

    /// A layer's stream went silent; true when it was there before.
    pub fn paused(&mut self, ssrc: Ssrc) -> bool {
        let layer = self.layers.iter_mut().flatten().find(|layer| layer.ssrc == ssrc);
        layer.is_some_and(|layer| std::mem::take(&mut layer.arriving))
    }

    /// The layers to choose from: those that arrive, or all that once did (a shared screen that
    /// does not change sends nothing, until it is asked for a key frame).
    pub fn layers(&self) -> impl Iterator<Item = u8> + Clone + '_ {
        let silent = self.arriving().next().is_none();
        (0..=TOP_LAYER)
            .filter(move |layer| self.layer(*layer).is_some_and(|layer| layer.arriving || silent))
    }

    /// The layers that arrive, rising.
    pub fn arriving(&self) -> impl Iterator<Item = u8> + Clone + '_ {
        (0..=TOP_LAYER).filter(|layer| self.layer(*layer).is_some_and(|layer| layer.arriving))
    }

    fn layer(&self, layer: u8) -> Option<&Layer> {
        self.layers.get(usize::from(layer))?.as_ref()
    }

    /// Somebody needs a key frame of a layer.
    pub fn want_key_frame(&mut self, layer: u8) {
        let slot = self.layers.get_mut(usize::from(layer)).and_then(Option::as_mut);
        if let Some(slot) = slot {
            slot.wanted = true;
            slot.tries = 0;
        }
    }

    /// A key frame of a layer came.
    pub fn key_frame_came(&mut self, layer: u8) {
        let slot = self.layers.get_mut(usize::from(layer)).and_then(Option::as_mut);
        if let Some(slot) = slot {
            slot.wanted = false;
        }
    }

    /// Streams to ask for a key frame now. Who still waits after the interval is asked for again.
    pub fn take_due(&mut self, now: Instant) -> impl Iterator<Item = Ssrc> + '_ {
        self.layers.iter_mut().flatten().filter_map(move |layer| {
            if !layer.wanted || layer.due().is_some_and(|due| now < due) {
                return None;
            }
            layer.asked = Some(now);
            layer.tries += 1;
            layer.wanted = layer.tries < KEY_FRAME_TRIES;
            Some(layer.ssrc)
        })
    }

    /// When somebody must be asked next.
    pub fn deadline(&self) -> Option<Instant> {
        self.layers.iter().flatten().filter_map(Layer::due).min()
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    #[test]
    fn a_publisher_is_asked_at_most_twice_a_second_for_a_layer() {
        let now = Instant::now();
        let mut track = Track::new(PeerId(1), ParticipantId(1), MediaKind::Video);
        track.arrived(0, 5.into());
        track.want_key_frame(0);
        assert_eq!(track.take_due(now).count(), 1);
        track.want_key_frame(0);
        assert_eq!(track.take_due(now + Duration::from_millis(499)).count(), 0);
        assert_eq!(track.deadline(), Some(now + KEY_FRAME_INTERVAL));
        assert_eq!(track.take_due(now + KEY_FRAME_INTERVAL).count(), 1, "still waited for");
        track.key_frame_came(0);
        assert_eq!(track.deadline(), None);
        assert_eq!(track.take_due(now + Duration::from_secs(9)).count(), 0);
    }

    #[test]
    fn layers_come_and_go() {
        let mut track = Track::new(PeerId(1), ParticipantId(1), MediaKind::Video);
        assert!(track.arrived(2, 7.into()));
        assert!(!track.arrived(2, 7.into()));
        assert!(track.arrived(0, 5.into()));
        assert_eq!(track.arriving().collect::<Vec<_>>(), [0, 2]);
        assert!(track.paused(7.into()));
        assert!(!track.paused(7.into()));
        assert_eq!(track.arriving().collect::<Vec<_>>(), [0]);
        assert!(!track.arrived(9, 1.into()), "no such layer");
        track.paused(5.into());
        assert_eq!(track.arriving().count(), 0);
        assert_eq!(track.layers().collect::<Vec<_>>(), [0, 2], "they may be asked to come back");
    }

    #[test]
    fn a_stream_that_does_not_answer_is_given_up() {
        let now = Instant::now();
        let mut track = Track::new(PeerId(1), ParticipantId(1), MediaKind::Video);
        track.arrived(0, 5.into());
        track.want_key_frame(0);
        let asked = (0..100).filter(|n| track.take_due(now + KEY_FRAME_INTERVAL * *n).count() > 0);
        assert_eq!(asked.count(), usize::from(KEY_FRAME_TRIES));
    }
}
