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
            payload_types: None,
            munger: Munger::default(),
            told: None,
        }
    }

    /// Chooses among the layers that arrive; true when a key frame of the target is needed.
    pub fn choose(&mut self, arriving: impl Iterator<Item = u8> + Clone) -> bool {
        let wanted = self.wanted.min(self.capacity.layer);
        let best = arriving.clone().filter(|layer| *layer <= wanted).max();
        if let Some(layer) = best.or_else(|| arriving.min()) {
            self.target = Some(layer);
        }
        self.enabled && self.ssrc.is_some() && self.target.is_some() && self.target != self.current
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

    /// Whether less is sent than wanted because packets are lost.
    pub fn congested(&self) -> bool {
        self.capacity.layer < self.wanted
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
        assert!(link.choose([0, 1, 2].into_iter()));
        assert_eq!(link.target, Some(2));
        link.wanted = 1;
        link.choose([0, 2].into_iter());
        assert_eq!(link.target, Some(0));
        link.wanted = 0;
        link.choose([1, 2].into_iter());
        assert_eq!(link.target, Some(1), "the lowest there is");
        link.choose([].into_iter());
        assert_eq!(link.target, Some(1), "a pause changes nothing");
    }

    #[test]
    fn a_switch_waits_for_a_key_frame_and_the_old_layer_flows_until_then() {
        let mut link = link();
        link.choose([0, 2].into_iter());
        link.current = Some(0);
        assert_eq!(link.verdict(0, false), Verdict::Send);
        assert_eq!(link.verdict(2, false), Verdict::AwaitKeyFrame);
        assert_eq!(link.verdict(1, true), Verdict::Drop);
        assert_eq!(link.verdict(2, true), Verdict::Switch);
        link.enabled = false;
        assert_eq!(link.verdict(0, true), Verdict::Drop);
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
