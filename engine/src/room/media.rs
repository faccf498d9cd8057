//! Media through a room: packets to subscribers, layers, key frames, losses.

use std::time::Instant;

use str0m::format::Codec;
use str0m::media::{MediaKind, Mid};
use str0m::rtp::{ExtensionValues, RtpPacket, Ssrc};

use super::{Effects, Room};
use crate::codec::{DependencyDescriptor, mime, starts_key_frame};
use crate::event::Event;
use crate::ids::{PeerId, TrackId};
use crate::peer::{Forwarded, Verdict};

impl Room {
    pub(super) fn on_packet(
        &mut self,
        now: Instant,
        from: PeerId,
        packet: &RtpPacket,
        effects: &mut Effects,
    ) {
        effects.counters.packets_in += 1;
        let Some(publisher) = self.peers.get_mut(&from) else {
            return;
        };
        let Some(source) = publisher.source(packet.header.ssrc) else {
            return;
        };
        let Some(track) = self.tracks.get_mut(&source.track) else {
            return;
        };
        let payload_type = packet.header.payload_type;
        let codec = match track.codec {
            Some((known, codec)) if known == payload_type => codec,
            before => {
                let Some(codec) = publisher.codec(payload_type) else {
                    return;
                };
                track.codec = Some((payload_type, codec));
                track.spatial = Default::default();
                if before.is_none() {
                    let mime = mime(codec.spec().codec);
                    effects.events.push(Event::MediaStarted { track: source.track, mime });
                }
                codec
            }
        };
        let clock_rate = codec.spec().clock_rate.get();
        let captured = publisher.clock.captured(packet, clock_rate, packet.timestamp);
        if let (MediaKind::Audio, Some(level)) = (track.kind, packet.header.ext_vals.audio_level) {
            let who = (track.participant, source.track);
            self.speakers.hear(now, who, packet.header.timestamp, level);
        }
        let new_layer = track.arrived(source.layer, packet.header.ssrc);
        let key_frame = starts_key_frame(codec.spec().codec, &packet.payload);
        if key_frame {
            track.key_frame_came(source.layer);
        }
        let descriptor = DependencyDescriptor::of(&packet.header.ext_vals);
        let top = track.spatial.top();
        let spatial = track.spatial.read(codec.spec().codec, &packet.payload, descriptor);
        if new_layer || track.spatial.top() != top {
            self.layers_changed(source.track, effects);
        }
        let extensions = forwarded_extensions(&packet.header.ext_vals, codec.spec().codec);
        let forwarded = Forwarded {
            track: source.track,
            layer: source.layer,
            spatial,
            key_frame,
            captured,
            codec,
            extensions: &extensions,
            packet,
        };
        self.fan_out(&forwarded, effects);
    }

    /// One packet to all subscribers of its track.
    fn fan_out(&mut self, packet: &Forwarded<'_>, effects: &mut Effects) {
        let Some(track) = self.tracks.get_mut(&packet.track) else {
            return;
        };
        let mut waiting = false;
        let mut switched = false;
        for subscriber in &track.subscribers {
            let Some(peer) = self.peers.get_mut(subscriber) else {
                continue;
            };
            match peer.forward(packet) {
                Verdict::Send => effects.counters.packets_forwarded += 1,
                Verdict::Switch => {
                    effects.counters.packets_forwarded += 1;
                    switched = true;
                }
                Verdict::AwaitKeyFrame => waiting = true,
                Verdict::Drop => {}
            }
        }
        if waiting {
            track.want_key_frame(packet.layer);
        }
        if switched {
            self.tell_forwarding(packet.track, effects);
        }
    }

    /// A subscriber cannot decode what it gets: the layer that it gets, or shall get, is asked for.
    pub(super) fn on_key_frame_wanted(&mut self, now: Instant, from: PeerId, mid: Mid) {
        let Some(peer) = self.peers.get(&from) else {
            return;
        };
        let link = peer.track_of(mid).and_then(|track| peer.downlinks.get(&track));
        let Some((link, layer)) = link.and_then(|link| Some((link, link.current.or(link.target)?)))
        else {
            return;
        };
        self.request_key_frame(now, link.track, layer);
    }

    pub(super) fn request_key_frame(&mut self, _now: Instant, track: TrackId, layer: u8) {
        if let Some(track) = self.tracks.get_mut(&track)
            && track.kind == MediaKind::Video
        {
            track.want_key_frame(layer);
        }
    }

    pub(super) fn on_paused(&mut self, from: PeerId, ssrc: Ssrc, effects: &mut Effects) {
        let source = self.peers.get_mut(&from).and_then(|peer| peer.source(ssrc));
        let Some(source) = source else {
            return;
        };
        let track = self.tracks.get_mut(&source.track);
        if track.is_some_and(|track| track.paused(ssrc)) {
            self.layers_changed(source.track, effects);
        }
    }

    fn layers_changed(&mut self, track_id: TrackId, effects: &mut Effects) {
        let Some(track) = self.tracks.get(&track_id) else {
            return;
        };
        let layers = track.arriving().collect();
        effects.events.push(Event::LayersChanged { track: track_id, layers });
        let subscribers = track.subscribers.clone();
        for subscriber in subscribers {
            self.choose(subscriber, track_id);
        }
        self.tell_forwarding(track_id, effects);
    }

    /// Chooses the layer for one subscriber anew.
    pub(super) fn choose(&mut self, subscriber: PeerId, track_id: TrackId) {
        let Some(track) = self.tracks.get_mut(&track_id) else {
            return;
        };
        let link = self.peers.get_mut(&subscriber).and_then(|p| p.downlinks.get_mut(&track_id));
        let Some(link) = link else {
            return;
        };
        if link.choose(track.layers(), track.spatial.top())
            && track.kind == MediaKind::Video
            && let Some(target) = link.target
        {
            track.want_key_frame(target);
        }
    }

    /// Tells what each subscriber of a track gets, where that changed.
    pub(super) fn tell_forwarding(&mut self, track_id: TrackId, effects: &mut Effects) {
        let Some(track) = self.tracks.get(&track_id) else {
            return;
        };
        let silent = track.arriving().next().is_none();
        for subscriber in &track.subscribers {
            let link = self.peers.get_mut(subscriber).and_then(|p| p.downlinks.get_mut(&track_id));
            let Some(link) = link else {
                continue;
            };
            let layer = link.shown(track.spatial.top()).filter(|_| !silent && link.enabled);
            let now = (layer, layer.is_some() && link.congested());
            let first = link.told.is_none() && layer.is_none();
            if !first && link.told != Some(now) {
                link.told = Some(now);
                effects.events.push(Event::Forwarding {
                    peer: *subscriber,
                    track: track_id,
                    layer: now.0,
                    congested: now.1,
                });
            }
        }
    }

    pub(super) fn on_loss(
        &mut self,
        now: Instant,
        from: PeerId,
        mid: Mid,
        loss: f32,
        effects: &mut Effects,
    ) {
        let Some(peer) = self.peers.get_mut(&from) else {
            return;
        };
        peer.quality.down(loss);
        let Some(track) = peer.track_of(mid) else {
            return;
        };
        let (Some(link), Some(published)) =
            (peer.downlinks.get_mut(&track), self.tracks.get(&track))
        else {
            return;
        };
        let shown = link.shown(published.spatial.top());
        let Some(current) = shown.filter(|_| link.kind == MediaKind::Video) else {
            return;
        };
        if link.capacity.report(now, loss, current) {
            self.choose(from, track);
            self.tell_forwarding(track, effects);
        }
    }

    pub(super) fn on_report(&mut self, from: PeerId, rtt_ms: Option<f32>, effects: &mut Effects) {
        let Some(peer) = self.peers.get_mut(&from) else {
            return;
        };
        let (loss_up, loss_down) = peer.quality.take();
        if loss_up.is_some() || loss_down.is_some() || rtt_ms.is_some() {
            effects.events.push(Event::PeerQuality { peer: from, loss_up, loss_down, rtt_ms });
        }
    }
}

/// What a subscriber may know of a packet. Transport matters (sequence, send time, mid) are of
/// each hop's own.
fn forwarded_extensions(values: &ExtensionValues, codec: Codec) -> ExtensionValues {
    ExtensionValues {
        // The dependency descriptor. VP8 and H264 do without, and it costs bytes in each packet.
        user_values: match codec {
            Codec::Av1 | Codec::Vp9 => values.user_values.clone(),
            _ => Default::default(),
        },
        audio_level: values.audio_level,
        voice_activity: values.voice_activity,
        video_orientation: values.video_orientation,
        video_content_type: values.video_content_type,
        abs_capture_time: values.abs_capture_time,
        play_delay_min: values.play_delay_min,
        play_delay_max: values.play_delay_max,
        ..ExtensionValues::default()
    }
}
