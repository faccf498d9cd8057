//! A track that a publisher plays.

use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::format::Codec;
use str0m::media::{Mid, Rid};
use str0m::rtp::{ExtensionValues, RtpWrite};

use crate::connection::Connection;
use crate::media::{Recording, packetise};
use crate::stamp::Stamp;

/// An encoder makes no more key frames than this. Source: libwebrtc, VideoStreamEncoder.
const KEY_FRAME_INTERVAL: Duration = Duration::from_millis(300);
const VIDEO_CLOCK: u64 = 90_000;
const AUDIO_CLOCK: u64 = 48_000;

/// One layer of one track.
#[derive(Debug)]
pub struct Player {
    /// Its m-line.
    pub mid: Mid,
    /// Its layer's name.
    pub rid: Option<Rid>,
    /// When the next frame is due.
    pub next: Instant,
    recording: Arc<Recording>,
    audio: bool,
    interval: Duration,
    track: u16,
    layer: u8,
    level: i8,
    frame: usize,
    since_start: u64,
    count: u32,
    stamped: bool,
    last_key: Option<Instant>,
    key_wanted: bool,
}

/// What a player is made of.
#[derive(Debug, Clone)]
pub struct Layer {
    /// What is played.
    pub recording: Arc<Recording>,
    /// Between frames.
    pub interval: Duration,
    /// The layer's name, with simulcast.
    pub rid: Option<&'static str>,
    /// From the lowest.
    pub layer: u8,
    /// Pixels, for what is signalled.
    pub size: (u32, u32),
    /// For what is signalled.
    pub bitrate_bps: u32,
    /// Whether packets carry a stamp, which receivers verify and which no decoder survives.
    pub stamped: bool,
}

impl Player {
    /// Begins at `next`; `level` is the loudness of sound in dBov.
    pub fn new(mid: Mid, layer: &Layer, audio: bool, track: u16, level: i8, next: Instant) -> Self {
        Self {
            mid,
            rid: layer.rid.map(Rid::from),
            next,
            recording: layer.recording.clone(),
            audio,
            interval: layer.interval,
            track,
            layer: layer.layer,
            level,
            frame: 0,
            since_start: 0,
            count: 0,
            stamped: layer.stamped,
            last_key: None,
            key_wanted: false,
        }
    }

    /// Somebody cannot decode: the recording begins anew soon.
    pub fn want_key_frame(&mut self) {
        self.key_wanted = true;
    }

    /// Plays the frame that is due.
    pub fn play(&mut self, now: Instant, connection: &mut Connection) {
        let may = self.last_key.is_none_or(|last| now - last >= KEY_FRAME_INTERVAL);
        if self.frame >= self.recording.frames.len() || (self.key_wanted && may && !self.audio) {
            self.frame = 0;
        }
        let Some(frame) = self.recording.frames.get(self.frame) else {
            return;
        };
        if frame.key {
            self.key_wanted = false;
            self.last_key = Some(now);
        }
        let time = (self.since_start * self.interval.as_micros() as u64 / 100
            * if self.audio { AUDIO_CLOCK } else { VIDEO_CLOCK }
            / 10_000) as u32;
        let codec = if self.audio { Codec::Opus } else { Codec::Vp8 };
        let params = connection.rtc.codec_config().find(|params| params.spec().codec == codec);
        let Some(pt) = params.map(|params| params.pt()) else {
            return;
        };
        let mut api = connection.rtc.direct_api();
        let Some(stream) = api.stream_tx_by_mid(self.mid, self.rid) else {
            return;
        };
        let extensions = ExtensionValues {
            audio_level: self.audio.then_some(self.level),
            voice_activity: self.audio.then_some(true),
            ..ExtensionValues::default()
        };
        let (track, layer, audio, key) = (self.track, self.layer, self.audio, frame.key);
        let stamped = self.stamped;
        let count = &mut self.count;
        let mut write = |mut payload: Vec<u8>, last: bool| {
            *count += 1;
            let entry = audio || (key && last);
            if stamped {
                let sent_ns = Stamp::now_ns();
                Stamp { sent_ns, track, layer, entry, count: *count }.write(&mut payload);
            }
            // The first number is low: SRTP's rollover counter starts at zero.
            let seq = u64::from(*count) + 1_000;
            let write = RtpWrite::new(pt, seq.into(), time, now, payload)
                .marker(last && !audio)
                .ext_vals(extensions.clone())
                .nackable(!audio);
            stream.write_rtp(write);
        };
        if audio {
            write(frame.bytes.clone(), true);
        } else {
            packetise(&frame.bytes, (self.since_start & 0x7fff) as u16, write);
        }
        self.frame += 1;
        self.since_start += 1;
        self.next += self.interval;
        // After a pause of the machine, frames are not made up for.
        if self.next < now {
            self.next = now + self.interval;
        }
    }
}
