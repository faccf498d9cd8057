//! Offers and answers of one connection, and which m-line carries which track.

use str0m::change::{SdpAnswer, SdpOffer};
use str0m::channel::{ChannelConfig, Reliability};
use str0m::media::{Direction, MediaKind, Mid};
use str0m::net::Protocol;
use str0m::{Candidate, Rtc};
use thiserror::Error;

use super::config::limit_resends;
use super::{DATA_TRACK, LOSSY, Peer, RELIABLE};
use crate::command::PeerMode;
use crate::event::{Failure, Refusal};
use crate::ids::TrackId;

/// Candidates kept for a description that has not come.
const MAX_EARLY_CANDIDATES: usize = 64;

/// Why a description was not taken.
#[derive(Debug, Error)]
pub enum NegotiationError {
    /// It cannot be parsed, or does not fit what was negotiated before.
    #[error("{0}")]
    Sdp(String),
    /// Not in this mode, or not now.
    #[error("{0}")]
    State(&'static str),
    /// An offer would say nothing new.
    #[error("nothing changed since the last offer")]
    Unchanged,
    /// It brought str0m out of step: the connection has ended.
    #[error("the description broke the connection")]
    Broken,
}

impl NegotiationError {
    /// The kind of refusal that it is told as.
    pub fn refusal(&self) -> Refusal {
        match self {
            Self::Sdp(_) | Self::Broken => Refusal::Sdp,
            Self::State(_) => Refusal::State,
            Self::Unchanged => Refusal::Unchanged,
        }
    }
}

/// An offer to the client.
#[derive(Debug)]
pub struct Offer {
    /// Its text.
    pub sdp: String,
    /// The m-lines that carry a track.
    pub tracks: Vec<(String, TrackId)>,
}

/// An m-line that the engine sends on.
#[derive(Debug)]
pub(super) struct Line {
    mid: Mid,
    kind: MediaKind,
    state: LineState,
}

/// A line is reused only after the client has agreed that it is inactive: a new track on a line
/// that never stopped would look to it like the old one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineState {
    /// In the offer that is outstanding for the first time.
    Offered,
    /// Carries a track.
    Used,
    /// Its track has ended; the client does not know yet.
    Stopping,
    /// Waits for another track.
    Idle,
    /// The client rejected it.
    Dead,
}

impl Peer {
    /// Ends with a reason, which is told once.
    pub(super) fn end(&mut self, failure: Failure) {
        if self.phase != super::Phase::Ended {
            self.phase = super::Phase::Ended;
            self.ended = Some(failure);
            self.dirty = true;
        }
    }

    /// Why it ended, once.
    pub fn failure(&mut self) -> Option<Failure> {
        self.ended.take()
    }

    /// The client's offer; gives the answer.
    pub fn accept_offer(&mut self, sdp: &str) -> Result<String, NegotiationError> {
        self.guard(|peer| peer.take_offer(sdp)).unwrap_or(Err(NegotiationError::Broken))
    }

    fn take_offer(&mut self, sdp: &str) -> Result<String, NegotiationError> {
        if self.options.mode == PeerMode::Subscriber {
            return Err(NegotiationError::State("a subscriber's client does not offer"));
        }
        let offer = SdpOffer::from_sdp_string(sdp).map_err(invalid)?;
        let rtc = live(&mut self.rtc)?;
        let answer = rtc.sdp_api().accept_offer(offer).map_err(invalid)?;
        self.described();
        self.sources.clear();
        self.bind_downlinks();
        Ok(answer.to_sdp_string())
    }

    /// An offer with all changes since the last one.
    pub fn create_offer(
        &mut self,
        request: u64,
        ice_restart: bool,
    ) -> Result<Offer, NegotiationError> {
        self.guard(|peer| peer.make_offer(request, ice_restart))
            .unwrap_or(Err(NegotiationError::Broken))
    }

    fn make_offer(&mut self, request: u64, ice_restart: bool) -> Result<Offer, NegotiationError> {
        if self.options.mode != PeerMode::Subscriber {
            return Err(NegotiationError::State("this client offers"));
        }
        self.withdraw_offer();
        self.told_negotiation = false;
        let reused = self.reuse_lines()?;
        let rtc = live(&mut self.rtc)?;
        let mut changes = rtc.sdp_api();
        if !self.described {
            for config in channels() {
                changes.add_channel_with_config(config);
            }
        }
        if ice_restart {
            changes.ice_restart(true);
        }
        for line in &self.lines {
            if line.state == LineState::Stopping {
                changes.set_direction(line.mid, Direction::Inactive);
            }
        }
        for mid in reused {
            changes.set_direction(mid, Direction::SendOnly);
        }
        for link in self.downlinks.values_mut().filter(|link| link.mid.is_none()) {
            let mid = changes.add_media(link.kind, Direction::SendOnly, None, None, None);
            link.mid = Some(mid);
            self.lines.push(Line { mid, kind: link.kind, state: LineState::Offered });
        }
        let Some((offer, pending)) = changes.apply() else {
            return Err(NegotiationError::Unchanged);
        };
        self.offer = Some((request, pending));
        let tracks = self
            .downlinks
            .values()
            .filter_map(|link| Some((link.mid?.to_string(), link.track)))
            .collect();
        Ok(Offer { sdp: offer.to_sdp_string(), tracks })
    }

    /// The client's answer; gives the tracks whose codecs it does not know.
    pub fn accept_answer(
        &mut self,
        request: u64,
        sdp: &str,
    ) -> Result<Vec<TrackId>, NegotiationError> {
        self.guard(|peer| peer.take_answer(request, sdp)).unwrap_or(Err(NegotiationError::Broken))
    }

    fn take_answer(&mut self, request: u64, sdp: &str) -> Result<Vec<TrackId>, NegotiationError> {
        if self.offer.as_ref().is_none_or(|(offered, _)| *offered != request) {
            return Err(NegotiationError::State("no such offer is outstanding"));
        }
        let answer = SdpAnswer::from_sdp_string(sdp).map_err(invalid)?;
        let Some((_, pending)) = self.offer.take() else {
            return Err(NegotiationError::State("no such offer is outstanding"));
        };
        let rtc = live(&mut self.rtc)?;
        if let Err(error) = rtc.sdp_api().accept_answer(pending, answer) {
            self.forget_offered_lines();
            return Err(invalid(error));
        }
        self.described();
        let mut rejected = Vec::new();
        for line in &mut self.lines {
            let media = self.rtc.as_ref().and_then(|rtc| rtc.media(line.mid));
            let dead = media.is_none_or(|media| media.disabled() || media.remote_pts().is_empty());
            let link = self.downlinks.values().find(|link| link.mid == Some(line.mid));
            line.state = match (dead, link, line.state) {
                (true, link, _) => {
                    rejected.extend(link.map(|link| link.track));
                    LineState::Dead
                }
                // It ended while the offer was on its way.
                (false, None, LineState::Offered | LineState::Used) => LineState::Stopping,
                (false, None, _) => LineState::Idle,
                (false, Some(_), _) => LineState::Used,
            };
        }
        self.downlinks.retain(|track, _| !rejected.contains(track));
        self.bind_downlinks();
        Ok(rejected)
    }

    /// Whether an offer would say something new.
    pub fn needs_offer(&self) -> bool {
        self.options.mode == PeerMode::Subscriber
            && (self.downlinks.values().any(|link| link.mid.is_none())
                || self.lines.iter().any(|line| line.state == LineState::Stopping))
    }

    /// The track ends; its m-line becomes idle with the next negotiation.
    pub fn unsubscribe(&mut self, track: TrackId) -> bool {
        let Some(link) = self.downlinks.remove(&track) else {
            return false;
        };
        let line = self.lines.iter_mut().find(|line| Some(line.mid) == link.mid);
        if let Some(line) = line.filter(|line| line.state == LineState::Used) {
            line.state = LineState::Stopping;
        }
        true
    }

    /// A track for an m-line that the caller chose. What was sent on it before had another SSRC:
    /// to the client it is another stream.
    pub fn prepare_line(&mut self, mid: Mid) {
        reset_stream(self.rtc.as_mut(), mid);
    }

    /// A candidate of the client's.
    pub fn add_ice_candidate(&mut self, candidate: &str) {
        self.guard(|peer| peer.take_candidate(candidate));
    }

    fn take_candidate(&mut self, candidate: &str) {
        let Ok(candidate) = Candidate::from_sdp_string(candidate.trim()) else {
            return;
        };
        if candidate.proto() != Protocol::Udp {
            return;
        }
        match self.rtc.as_mut().filter(|_| self.described) {
            Some(rtc) => {
                rtc.add_remote_candidate(candidate);
                self.dirty = true;
            }
            None if self.candidates.len() < MAX_EARLY_CANDIDATES => self.candidates.push(candidate),
            None => {}
        }
    }

    /// Both descriptions are known now.
    fn described(&mut self) {
        self.described = true;
        self.dirty = true;
        if let Some(rtc) = self.rtc.as_mut() {
            for candidate in self.candidates.drain(..) {
                rtc.add_remote_candidate(candidate);
            }
        }
    }

    /// Finds the stream of each subscription whose m-line the client knows.
    fn bind_downlinks(&mut self) {
        let Some(rtc) = self.rtc.as_mut() else {
            return;
        };
        for link in self.downlinks.values_mut() {
            let Some(mid) = link.mid else {
                continue;
            };
            let sends = rtc.media(mid).is_some_and(|media| media.direction().is_sending());
            let mut api = rtc.direct_api();
            let stream = api.stream_tx_by_mid(mid, None).filter(|_| sends);
            let Some(stream) = stream else {
                link.ssrc = None;
                continue;
            };
            if link.ssrc != Some(stream.ssrc()) {
                link.ssrc = Some(stream.ssrc());
                limit_resends(stream, link.kind);
            }
        }
    }

    /// Gives idle lines to subscriptions that have none.
    fn reuse_lines(&mut self) -> Result<Vec<Mid>, NegotiationError> {
        let mut reused = Vec::new();
        for link in self.downlinks.values_mut().filter(|link| link.mid.is_none()) {
            let line = self
                .lines
                .iter_mut()
                .find(|line| line.state == LineState::Idle && line.kind == link.kind);
            let Some(line) = line else {
                continue;
            };
            line.state = LineState::Used;
            link.mid = Some(line.mid);
            reused.push(line.mid);
            reset_stream(self.rtc.as_mut(), line.mid);
        }
        Ok(reused)
    }

    /// An offer that was never answered is void: its changes go into the next one.
    fn withdraw_offer(&mut self) {
        if self.offer.take().is_some() {
            self.forget_offered_lines();
        }
    }

    fn forget_offered_lines(&mut self) {
        let lines = std::mem::take(&mut self.lines);
        let (void, kept) = lines.into_iter().partition(|line| line.state == LineState::Offered);
        self.lines = kept;
        let void: Vec<Line> = void;
        for link in self.downlinks.values_mut() {
            if void.iter().any(|line| Some(line.mid) == link.mid) {
                link.mid = None;
            }
        }
    }
}

/// Gives the line a new stream. (str0m's `reset_stream_tx` keeps the stream under its old SSRC,
/// where reports and requests for the new one do not find it; seen in 0.25.0, 2026-11-26.)
fn reset_stream(rtc: Option<&mut Box<Rtc>>, mid: Mid) {
    let Some(rtc) = rtc else {
        return;
    };
    let mut api = rtc.direct_api();
    let Some((old, had_rtx)) =
        api.stream_tx_by_mid(mid, None).map(|stream| (stream.ssrc(), stream.rtx().is_some()))
    else {
        return;
    };
    let (ssrc, rtx) = (api.new_ssrc(), api.new_ssrc());
    api.remove_stream_tx(old);
    api.declare_stream_tx(ssrc, had_rtx.then_some(rtx), mid, None);
}

fn live(rtc: &mut Option<Box<Rtc>>) -> Result<&mut Rtc, NegotiationError> {
    rtc.as_deref_mut().ok_or(NegotiationError::State("the connection has ended"))
}

fn invalid(error: impl std::fmt::Display) -> NegotiationError {
    NegotiationError::Sdp(error.to_string())
}

fn channels() -> [ChannelConfig; 3] {
    let lossy = |label: &str| ChannelConfig {
        label: label.to_owned(),
        ordered: false,
        reliability: Reliability::MaxRetransmits { retransmits: 0 },
        ..ChannelConfig::default()
    };
    let reliable = ChannelConfig { label: RELIABLE.to_owned(), ..ChannelConfig::default() };
    [reliable, lossy(LOSSY), lossy(DATA_TRACK)]
}
