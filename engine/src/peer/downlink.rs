//! One track on its way to one subscriber: which layer, and under which numbers.

use std::time::{Duration, Instant};

use str0m::media::{MediaKind, Mid, Pt};
use str0m::rtp::Ssrc;

use crate::ids::TrackId;
use crate::room::Munger;

/// The highest layer.
pub const TOP_LAYER: u8 = 2;

/// A subscriber's share of a track.
#[derive(Debug)]
pub struct Downlink {
    /// The track.
    pub track: TrackId,
    /// Its kind.
    pub kind: MediaKind,
    /// The m-line that it is sent on.
    pub mid: Option<Mid>,
    /// The stream of that m-line, once the client knows of it.
    pub ssrc: Option<Ssrc>,
    /// Whether the subscriber wants packets now.
    pub enabled: bool,
    /// The highest layer that the subscriber wants.
    pub wanted: u8,
    /// What the way to the subscriber bears.
    pub capacity: Capacity,
    /// The layer whose packets are sent.
    pub current: Option<u8>,
    /// The layer to change to at its next key frame.
    pub target: Option<u8>,
    /// The highest spatial layer that is sent of a stream that carries several.
    pub spatial: u8,
    /// The publisher's payload type and the subscriber's for it.
    pub payload_types: Option<(Pt, Pt)>,
    /// Keeps the numbers continuous.
    pub munger: Munger,
    /// What was last told of it.
    pub told: Option<(Option<u8>, bool)>,
}

/// What to do with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Not for this subscriber.
    Drop,
    /// Send it.
    Send,
    /// Send it; it begins another layer.
    Switch,
    /// Of the layer that is waited for, but a decoder cannot start at it.
    AwaitKeyFrame,
}

impl Downlink {
    /// A new subscription, which wants the best.
    pub fn new(track: TrackId, kind: MediaKind, mid: Option<Mid>) -> Self {
        Self {
            track,
            kind,
            mid,
            ssrc: None,
            enabled: true,
            wanted: TOP_LAYER,
            capacity: Capacity::default(),
            current: None,
            target: None,
            spatial: TOP_LAYER,
            payload_types: None,
            munger: Munger::default(),
            told: None,
        }
    }

    /// The highest layer to send: what is wanted, as far as the way bears it.
    pub fn level(&self) -> u8 {
        self.wanted.min(self.capacity.layer)
    }

    /// The layer that is sent, of streams or within one whose highest spatial layer is `top`.
    pub fn shown(&self, top: u8) -> Option<u8> {
        self.current.map(|current| current.max(self.spatial.min(top)))
    }

    /// Chooses among the layers that arrive, each in a stream of its own; or of the one stream the
    /// spatial layers up to `top`. True when a key frame is needed.
    pub fn choose(&mut self, arriving: impl Iterator<Item = u8> + Clone, top: u8) -> bool {
        let wanted = self.level();
        let best = arriving.clone().filter(|layer| *layer <= wanted).max();
        if let Some(layer) = best.or_else(|| arriving.min()) {
            self.target = Some(layer);
        }
        let rises = self.spatial.min(top) < wanted.min(top);
        let waits = self.target != self.current || rises;
        self.enabled && self.ssrc.is_some() && self.target.is_some() && waits
    }

    /// A picture of a stream with several spatial layers begins: fewer can be sent from any on,
    /// more from a key frame on. True when that changed.
    pub fn thin(&mut self, key_frame: bool) -> bool {
        let level = self.level();
        let changes = level < self.spatial || (key_frame && level > self.spatial);
        if changes {
            self.spatial = level;
        }
        changes
    }

    /// Stops sending; what comes next needs a key frame.
    pub fn pause(&mut self) {
        self.current = None;
    }

    /// What to do with a packet of a layer.
    pub fn verdict(&self, layer: u8, key_frame: bool) -> Verdict {
        if !self.enabled || self.ssrc.is_none() {
            return Verdict::Drop;
        }
        if self.target == Some(layer) && self.current != self.target {
            return if key_frame { Verdict::Switch } else { Verdict::AwaitKeyFrame };
        }
        if self.current == Some(layer) { Verdict::Send } else { Verdict::Drop }
    }

    /// Whether less is sent than wanted because the way does not bear more.
    pub fn congested(&self) -> bool {
        self.level() < self.wanted
    }
}

/// Lowers the layer on sustained loss, and tries the higher one again later.
#[derive(Debug)]
pub struct Capacity {
    /// The highest layer to send.
    pub layer: u8,
    lossy_reports: u8,
    retry_after: Duration,
    calm_since: Option<Instant>,
}

const HIGH_LOSS: f32 = 0.10;
const LOW_LOSS: f32 = 0.03;
const LOSSY_REPORTS: u8 = 2;
const FIRST_RETRY: Duration = Duration::from_secs(8);
const LAST_RETRY: Duration = Duration::from_secs(64);

impl Default for Capacity {
    fn default() -> Self {
        Self { layer: TOP_LAYER, lossy_reports: 0, retry_after: FIRST_RETRY, calm_since: None }
    }
}

impl Capacity {
    /// A report of the share of packets lost; true when the layer changed.
    pub fn report(&mut self, now: Instant, loss: f32, current: u8) -> bool {
        if loss > HIGH_LOSS {
            self.calm_since = None;
            self.lossy_reports += 1;
            if self.lossy_reports < LOSSY_REPORTS || current == 0 {
                return false;
            }
            self.lossy_reports = 0;
            self.retry_after = (self.retry_after * 2).min(LAST_RETRY);
            self.layer = self.layer.min(current) - 1;
            return true;
        }
        self.lossy_reports = 0;
        if loss > LOW_LOSS || self.layer == TOP_LAYER {
            self.calm_since = None;
            return false;
        }
        let since = *self.calm_since.get_or_insert(now);
        if now.saturating_duration_since(since) < self.retry_after {
            return false;
        }
        self.calm_since = None;
        self.layer += 1;
        true
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    fn link() -> Downlink {
        let mut link = Downlink::new(TrackId(1), MediaKind::Video, Some("1".into()));
        link.ssrc = Some(7.into());
        link
    }

    #[test]
    fn the_best_layer_that_arrives_is_chosen_up_to_the_wanted_one() {
        let mut link = link();
        assert!(link.choose([0, 1, 2].into_iter(), 0));
        assert_eq!(link.target, Some(2));
        link.wanted = 1;
        link.choose([0, 2].into_iter(), 0);
        assert_eq!(link.target, Some(0));
        link.wanted = 0;
        link.choose([1, 2].into_iter(), 0);
        assert_eq!(link.target, Some(1), "the lowest there is");
        link.choose([].into_iter(), 0);
        assert_eq!(link.target, Some(1), "a pause changes nothing");
    }

    #[test]
    fn a_switch_waits_for_a_key_frame_and_the_old_layer_flows_until_then() {
        let mut link = link();
        link.choose([0, 2].into_iter(), 0);
        link.current = Some(0);
        assert_eq!(link.verdict(0, false), Verdict::Send);
        assert_eq!(link.verdict(2, false), Verdict::AwaitKeyFrame);
        assert_eq!(link.verdict(1, true), Verdict::Drop);
        assert_eq!(link.verdict(2, true), Verdict::Switch);
        link.enabled = false;
        assert_eq!(link.verdict(0, true), Verdict::Drop);
    }

    #[test]
    fn of_one_stream_less_is_sent_from_the_next_picture_on_and_more_from_a_key_frame() {
        let mut link = link();
        link.current = Some(0);
        assert_eq!(link.shown(2), Some(2));
        assert!(!link.thin(false));
        link.wanted = 0;
        assert!(!link.choose([0].into_iter(), 2), "no key frame for less");
        assert!(link.thin(false));
        assert_eq!(link.shown(2), Some(0));
        link.wanted = 1;
        assert!(link.choose([0].into_iter(), 2));
        assert!(!link.thin(false));
        assert!(link.thin(true));
        assert_eq!(link.shown(2), Some(1));
        link.wanted = 2;
        assert!(!link.choose([0].into_iter(), 1), "there is no more than that");
    }

    #[test]
    fn sustained_loss_lowers_the_layer_and_calm_raises_it_again() {
        let now = Instant::now();
        let mut capacity = Capacity::default();
        assert!(!capacity.report(now, 0.3, 2), "once is not sustained");
        assert!(!capacity.report(now, 0.0, 2));
        assert!(!capacity.report(now, 0.3, 2));
        assert!(capacity.report(now, 0.3, 2));
        assert_eq!(capacity.layer, 1);
        assert!(!capacity.report(now, 0.0, 1));
        assert!(!capacity.report(now + Duration::from_secs(15), 0.0, 1));
        assert!(capacity.report(now + Duration::from_secs(16), 0.0, 1), "the retry waits longer");
        assert_eq!(capacity.layer, TOP_LAYER);
    }

    #[test]
    fn the_lowest_layer_is_never_given_up() {
        let now = Instant::now();
        let mut capacity = Capacity::default();
        for _ in 0..10 {
            assert!(!capacity.report(now, 0.9, 0));
        }
    }
}
