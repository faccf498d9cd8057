//! One connection to a client: str0m inside, what happened outside.

mod clock;
mod config;
mod downlink;
mod negotiation;
mod quality;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use str0m::change::SdpPendingOffer;
use str0m::channel::ChannelId;
use str0m::format::PayloadParams;
use str0m::media::{KeyframeRequestKind, MediaKind, Mid, Pt};
use str0m::net::{Receive, TcpType};
use str0m::rtp::{ExtensionValues, RtpPacket, RtpWrite, Ssrc};
use str0m::{Candidate, Event as RtcEvent, IceConnectionState, Input, Output, Rtc, RtcError};

pub use clock::CaptureClock;
pub use config::build;
pub use downlink::{Downlink, TOP_LAYER, Verdict};
pub use negotiation::{NegotiationError, Offer};
pub use quality::Quality;

use crate::codec::{DependencyDescriptor, Spatial};
use crate::command::{Command, PeerOptions};
use crate::endpoint::{Endpoint, Transport};
use crate::event::Failure;
use crate::ids::{IdMap, ParticipantId, PeerId, TrackId};
use crate::room::{Datagrams, Incoming};

/// Reliable data to and from clients.
pub const RELIABLE: &str = "_reliable";
/// Data that may be lost.
pub const LOSSY: &str = "_lossy";
/// Data tracks.
pub const DATA_TRACK: &str = "_data_track";

/// Below this many unsent bytes a channel takes data again.
const CHANNEL_LOW_BYTES: usize = 64 * 1024;

/// Lossy data is dropped when more than this waits in front of it.
const LOSSY_BACKLOG_BYTES: usize = 32 * 1024;

/// What a connection reports when it is driven.
#[derive(Debug)]
pub enum Happened {
    /// Media of the client's.
    Packet(Box<RtpPacket>),
    /// A subscriber cannot decode.
    KeyFrameWanted(Mid),
    /// ICE and DTLS are done, or the client is heard from again.
    Connected,
    /// The client is not heard from.
    Disconnected,
    /// The connection has ended.
    Ended(Failure),
    /// A data channel is open.
    ChannelOpened(String),
    /// A channel takes data again.
    ChannelDrained,
    /// A message of the client's.
    Data {
        /// The channel.
        label: String,
        /// The message.
        bytes: Vec<u8>,
    },
    /// A stream of the client's went silent, or is back.
    Paused {
        /// Which.
        ssrc: Ssrc,
        /// Silent.
        paused: bool,
    },
    /// The share of packets lost on the way to the client, of one m-line.
    LossDown(Mid, f32),
    /// The share of packets lost on the way from the client, of one stream.
    LossUp(f32),
    /// The end of a report of losses; the round trip.
    Report(Option<f32>),
}

/// Where a stream of the client's belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// The track.
    pub track: TrackId,
    /// The simulcast layer.
    pub layer: u8,
}

/// A published m-line.
#[derive(Debug, Clone, Copy)]
pub struct Uplink {
    /// Its name in the client's SDP.
    pub mid: Mid,
    /// The track.
    pub track: TrackId,
}

/// Where the connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Nothing was described yet.
    Fresh,
    /// It is being made.
    Building,
    /// It lives.
    Live,
    /// It has ended.
    Ended,
}

/// What came of writing to a data channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It is on its way.
    Yes,
    /// Too much waits already.
    Full,
    /// There is no such channel (yet).
    NoChannel,
}

/// One connection.
#[derive(Debug)]
pub struct Peer {
    /// Its id.
    pub id: PeerId,
    /// Whose it is.
    pub participant: ParticipantId,
    /// How it is made.
    pub options: PeerOptions,
    /// Where it stands.
    pub phase: Phase,
    /// What waits until it is made.
    pub waiting: Vec<Command>,
    /// Tracks that the client sends.
    pub uplinks: Vec<Uplink>,
    /// Tracks that the client gets.
    pub downlinks: IdMap<TrackId, Downlink>,
    /// The publisher's wall clock.
    pub clock: CaptureClock,
    /// Its losses since they were told.
    pub quality: Quality,
    /// Must be driven before it is waited for.
    pub dirty: bool,
    /// When it must be driven next.
    pub deadline: Option<Instant>,
    /// Whether the caller was told that an offer is due.
    pub told_negotiation: bool,
    rtc: Option<Box<Rtc>>,
    offer: Option<(u64, SdpPendingOffer)>,
    lines: Vec<negotiation::Line>,
    candidates: Vec<Candidate>,
    described: bool,
    ice_name: String,
    sources: IdMap<u32, Source>,
    channels: Vec<(ChannelId, String)>,
    connected: bool,
    ended: Option<Failure>,
}

impl Peer {
    /// A connection that is not made yet.
    pub fn new(id: PeerId, participant: ParticipantId, options: PeerOptions) -> Self {
        Self {
            id,
            participant,
            options,
            phase: Phase::Fresh,
            waiting: Vec::new(),
            uplinks: Vec::new(),
            downlinks: IdMap::default(),
            clock: CaptureClock::default(),
            quality: Quality::default(),
            dirty: false,
            deadline: None,
            told_negotiation: false,
            rtc: None,
            offer: None,
            lines: Vec::new(),
            candidates: Vec::new(),
            described: false,
            ice_name: String::new(),
            sources: IdMap::default(),
            channels: Vec::new(),
            connected: false,
            ended: None,
        }
    }

    /// The connection was made; `local` are the addresses that clients can reach.
    pub fn built(&mut self, mut rtc: Box<Rtc>, local: &[Endpoint]) {
        for Endpoint { transport, address } in local.iter().copied() {
            // A full agent would check the addresses of clients by TCP, where nobody listens.
            if transport == Transport::Tcp && !self.options.ice_lite {
                continue;
            }
            let candidate = match transport {
                Transport::Udp => Candidate::builder().udp().host(address).build(),
                Transport::Tcp => {
                    Candidate::builder().tcp().host(address).tcptype(TcpType::Passive).build()
                }
            };
            if let Ok(candidate) = candidate {
                rtc.add_local_candidate(candidate);
            }
        }
        self.rtc = Some(rtc);
        self.phase = Phase::Live;
    }

    /// The ICE user name, when it changed since it was asked for last.
    pub fn new_ice_name(&mut self) -> Option<String> {
        let name = self.rtc.as_mut()?.direct_api().local_ice_credentials().ufrag;
        if name == self.ice_name {
            return None;
        }
        self.ice_name.clone_from(&name);
        Some(name)
    }

    /// Runs what depends on the client's bytes. A panic in it ends this connection alone: no
    /// client may end a room.
    pub(super) fn guard<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> Option<T> {
        let result = catch_unwind(AssertUnwindSafe(|| run(self)));
        if result.is_err() {
            self.end(Failure::Internal);
            let rtc = self.rtc.take();
            // What panicked once may do so again while it is dropped.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(rtc)));
        }
        result.ok()
    }

    /// Gives it a datagram. True when it is a check of the client's that proves the address.
    pub fn receive(&mut self, now: Instant, from: Endpoint, to: Endpoint, bytes: &[u8]) -> bool {
        self.guard(|peer| peer.take_datagram(now, (from, to), bytes)).unwrap_or(false)
    }

    fn take_datagram(
        &mut self,
        now: Instant,
        (from, to): (Endpoint, Endpoint),
        bytes: &[u8],
    ) -> bool {
        let Some(rtc) = self.rtc.as_mut() else {
            return false;
        };
        let Ok(receive) = Receive::new(from.protocol(), from.address, to.address, bytes) else {
            return false;
        };
        let input = Input::Receive(now, receive);
        if !rtc.accepts(&input) {
            return false;
        }
        // Source: RFC 7983, 7: the first byte of STUN is 0 to 3.
        let proves = bytes.first().is_some_and(|first| *first < 4);
        if let Err(error) = rtc.handle_input(input) {
            self.fail(&error);
        }
        proves
    }

    /// Lets time pass and collects all that comes of it.
    pub fn drive(&mut self, now: Instant, out: &mut Datagrams, happened: &mut Vec<Happened>) {
        self.guard(|peer| {
            let stepped = match peer.rtc.as_mut() {
                Some(rtc) => rtc.handle_input(Input::Timeout(now)),
                None => Ok(()),
            };
            match stepped.and_then(|()| peer.poll_all(out, happened)) {
                Ok(()) => {}
                Err(error) => peer.fail(&error),
            }
        });
        self.report_end(happened);
    }

    /// Collects what a datagram caused, without a step of time.
    pub fn poll(&mut self, out: &mut Datagrams, happened: &mut Vec<Happened>) {
        self.guard(|peer| {
            if let Err(error) = peer.poll_all(out, happened) {
                peer.fail(&error);
            }
        });
        self.report_end(happened);
    }

    fn report_end(&mut self, happened: &mut Vec<Happened>) {
        let alive = self.rtc.as_ref().is_some_and(|rtc| rtc.is_alive());
        if self.phase == Phase::Live && !alive {
            self.end(Failure::Closed);
        }
        if let Some(failure) = self.failure() {
            happened.push(Happened::Ended(failure));
        }
    }

    fn poll_all(
        &mut self,
        out: &mut Datagrams,
        happened: &mut Vec<Happened>,
    ) -> Result<(), RtcError> {
        loop {
            let Some(rtc) = self.rtc.as_mut() else {
                return Ok(());
            };
            match rtc.poll_output()? {
                Output::Timeout(deadline) => {
                    self.deadline = Some(deadline);
                    return Ok(());
                }
                Output::Transmit(transmit) => {
                    if let Some(to) = Endpoint::of(transmit.proto, transmit.destination) {
                        out.push(self.id, to, &transmit.contents);
                    }
                }
                Output::Event(event) => self.on_event(event, happened),
            }
        }
    }

    fn on_event(&mut self, event: RtcEvent, happened: &mut Vec<Happened>) {
        match event {
            RtcEvent::RtpPacket(packet) => happened.push(Happened::Packet(Box::new(packet))),
            RtcEvent::KeyframeRequest(request) => {
                happened.push(Happened::KeyFrameWanted(request.mid));
            }
            RtcEvent::Connected => {
                self.connected = true;
                happened.push(Happened::Connected);
            }
            RtcEvent::IceConnectionStateChange(state) => match state {
                IceConnectionState::Disconnected => happened.push(Happened::Disconnected),
                IceConnectionState::Connected | IceConnectionState::Completed if self.connected => {
                    happened.push(Happened::Connected);
                }
                _ => {}
            },
            RtcEvent::ChannelOpen(id, label) => {
                if let Some(rtc) = self.rtc.as_mut()
                    && let Some(mut channel) = rtc.channel(id)
                {
                    channel.set_buffered_amount_low_threshold(CHANNEL_LOW_BYTES);
                }
                self.channels.retain(|(known, _)| *known != id);
                self.channels.push((id, label.clone()));
                happened.push(Happened::ChannelOpened(label));
            }
            RtcEvent::ChannelClose(id) => self.channels.retain(|(known, _)| *known != id),
            RtcEvent::ChannelBufferedAmountLow(_) => happened.push(Happened::ChannelDrained),
            RtcEvent::ChannelData(data) => {
                let label = self.channels.iter().find(|(id, _)| *id == data.id);
                if let Some((_, label)) = label {
                    happened.push(Happened::Data { label: label.clone(), bytes: data.data });
                }
            }
            RtcEvent::StreamPaused(stream) => {
                happened.push(Happened::Paused { ssrc: stream.ssrc, paused: stream.paused });
            }
            RtcEvent::MediaEgressStats(stats) => {
                if let Some(loss) = stats.loss {
                    happened.push(Happened::LossDown(stats.mid, loss));
                }
            }
            RtcEvent::MediaIngressStats(stats) => {
                if let Some(loss) = stats.loss {
                    happened.push(Happened::LossUp(loss));
                }
            }
            RtcEvent::PeerStats(stats) => {
                let rtt = stats.rtt.map(|rtt| rtt.as_secs_f32() * 1_000.0);
                happened.push(Happened::Report(rtt));
            }
            RtcEvent::Closed => self.end(Failure::Closed),
            _ => {}
        }
    }

    /// Which track and layer a stream of the client's is; None while it cannot be told.
    pub fn source(&mut self, ssrc: Ssrc) -> Option<Source> {
        if let Some(source) = self.sources.get(&*ssrc) {
            return Some(*source);
        }
        let rtc = self.rtc.as_mut()?;
        let mut api = rtc.direct_api();
        let stream = api.stream_rx(&ssrc)?;
        let (mid, rid) = (stream.mid(), stream.rid());
        let track = self.uplinks.iter().find(|uplink| uplink.mid == mid)?.track;
        let layer = match rid {
            None => 0,
            Some(rid) => match &*rid {
                "q" | "2" => 0,
                "h" | "1" => 1,
                "f" | "0" => 2,
                _ => {
                    let rids = rtc.media(mid)?.rids_rx();
                    let position = match rids {
                        str0m::media::Rids::Specific(rids) => rids.iter().position(|r| *r == rid),
                        _ => None,
                    };
                    position.map_or(0, |index| index.min(usize::from(TOP_LAYER)) as u8)
                }
            },
        };
        let source = Source { track, layer };
        self.sources.insert(*ssrc, source);
        Some(source)
    }

    /// Forgets which streams belong to a track.
    pub fn forget_sources(&mut self, track: TrackId) {
        self.sources.retain(|_, source| source.track != track);
        self.uplinks.retain(|uplink| uplink.track != track);
    }

    /// The codec behind a payload type of the client's.
    pub fn codec(&self, payload_type: Pt) -> Option<PayloadParams> {
        let rtc = self.rtc.as_ref()?;
        rtc.codec_config().params().iter().find(|params| params.pt() == payload_type).copied()
    }

    /// Asks the client for a key frame of one of its streams.
    pub fn request_key_frame(&mut self, ssrc: Ssrc) -> bool {
        let Some(rtc) = self.rtc.as_mut() else {
            return false;
        };
        let mut api = rtc.direct_api();
        let Some(stream) = api.stream_rx(&ssrc) else {
            return false;
        };
        stream.request_keyframe(KeyframeRequestKind::Pli);
        self.dirty = true;
        true
    }

    /// Sends a packet of a track to this subscriber, if its share of the track says so.
    ///
    /// This is the narrow egress: all that a forwarded packet costs happens here.
    pub fn forward(&mut self, packet: &Forwarded<'_>) -> Verdict {
        let Some(link) = self.downlinks.get_mut(&packet.track) else {
            return Verdict::Drop;
        };
        let mut verdict = link.verdict(packet.layer, packet.key_frame);
        if !matches!(verdict, Verdict::Send | Verdict::Switch) {
            return verdict;
        }
        let (Some(ssrc), Some(mid), Some(rtc)) = (link.ssrc, link.mid, self.rtc.as_mut()) else {
            return Verdict::Drop;
        };
        let header = &packet.packet.header;
        let payload_type = match link.payload_types {
            Some((from, to)) if from == header.payload_type => Some(to),
            _ => payload_type(rtc, mid, packet.codec),
        };
        let Some(payload_type) = payload_type else {
            return Verdict::Drop;
        };
        link.payload_types = Some((header.payload_type, payload_type));
        let incoming = Incoming {
            seq: *packet.packet.seq_no,
            timestamp: header.timestamp,
            captured: packet.captured,
            clock_rate: packet.codec.spec().clock_rate.get(),
            marker: header.marker,
            spatial: packet.spatial,
            codec: packet.codec.spec().codec,
            payload: &packet.packet.payload,
            descriptor: DependencyDescriptor::of(packet.extensions),
        };
        if verdict == Verdict::Switch {
            link.munger.switch(&incoming);
            link.current = Some(packet.layer);
        }
        if link.munger.begins_picture(&incoming) && link.thin(packet.key_frame) {
            verdict = Verdict::Switch;
        }
        let Some(munged) = link.munger.rewrite(&incoming, link.spatial) else {
            return Verdict::Drop;
        };
        let mut extensions = packet.extensions.clone();
        if let Some(descriptor) = munged.descriptor {
            extensions.user_values.set(descriptor);
        }
        let mut api = rtc.direct_api();
        let Some(stream) = api.stream_tx(&ssrc) else {
            return Verdict::Drop;
        };
        let mut write = RtpWrite::new(
            payload_type,
            munged.seq.into(),
            munged.timestamp,
            packet.captured,
            packet.packet.payload.clone(),
        )
        .marker(munged.marker)
        .ext_vals(extensions)
        .nackable(link.kind == MediaKind::Video);
        if let Some(patch) = munged.vp8 {
            write = write.vp8_patch(patch);
        }
        stream.write_rtp(write);
        self.dirty = true;
        verdict
    }

    /// Writes to the data channel for reliable or for lossy data.
    pub fn write_data(&mut self, reliable: bool, bytes: &[u8]) -> Written {
        let wanted = if reliable { RELIABLE } else { LOSSY };
        let channel = self.channels.iter().find(|(_, label)| label == wanted).map(|(id, _)| *id);
        let Some(mut channel) = channel.and_then(|id| self.rtc.as_mut()?.channel(id)) else {
            return Written::NoChannel;
        };
        if !reliable && channel.buffered_amount() > LOSSY_BACKLOG_BYTES {
            return Written::Full;
        }
        match channel.write(true, bytes) {
            Ok(true) => {
                self.dirty = true;
                Written::Yes
            }
            Ok(false) => Written::Full,
            Err(_) => Written::NoChannel,
        }
    }

    /// Whether the m-line's track is one that this subscriber gets.
    pub fn track_of(&self, mid: Mid) -> Option<TrackId> {
        self.downlinks.values().find(|link| link.mid == Some(mid)).map(|link| link.track)
    }

    /// Says goodbye to the client and ends.
    pub fn close(&mut self, out: &mut Datagrams) {
        let mut ignored = Vec::new();
        if let Some(rtc) = self.rtc.as_mut()
            && rtc.close().is_ok()
        {
            self.poll(out, &mut ignored);
        }
        self.rtc = None;
        self.phase = Phase::Ended;
    }

    fn fail(&mut self, error: &RtcError) {
        let failure = match error {
            RtcError::Dtls(_) => Failure::Dtls,
            _ => Failure::Internal,
        };
        self.end(failure);
    }
}

fn payload_type(rtc: &Rtc, mid: Mid, codec: PayloadParams) -> Option<Pt> {
    let matched = rtc.codec_config().match_params(codec)?.pt();
    rtc.media(mid)?.remote_pts().contains(&matched).then_some(matched)
}

/// A packet on its way to the subscribers of its track.
#[derive(Debug)]
pub struct Forwarded<'a> {
    /// The track.
    pub track: TrackId,
    /// Its layer.
    pub layer: u8,
    /// Its place, in a stream of several spatial layers.
    pub spatial: Option<Spatial>,
    /// Whether a decoder can start here.
    pub key_frame: bool,
    /// When it was captured, on our clock.
    pub captured: Instant,
    /// The publisher's parameters of its codec.
    pub codec: PayloadParams,
    /// What of its header extensions goes on.
    pub extensions: &'a ExtensionValues,
    /// The packet.
    pub packet: &'a RtpPacket,
}
