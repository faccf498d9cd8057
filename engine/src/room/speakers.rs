//! Who speaks: from the levels that clients write into their audio packets.

use std::time::{Duration, Instant};

use crate::ids::{IdMap, ParticipantId, TrackId};

/// How long is listened before it is decided.
pub const WINDOW: Duration = Duration::from_millis(400);

/// Louder than this counts as sound. Source: LiveKit's audio defaults.
const ACTIVE_DBOV: i8 = -35;
/// This share of a window must be sound.
const ACTIVE_SHARE: f32 = 0.4;
/// One packet's length when the one before is not known, and at most.
const PACKET_MS: f32 = 20.0;
const MAX_PACKET_MS: f32 = 120.0;
/// The weight of the newest window in what is told.
const SMOOTHING: f32 = 2.0 / 3.0;
/// Levels are told in eighths, so that small changes are none.
const STEPS: f32 = 8.0;

#[derive(Debug)]
struct Voice {
    participant: ParticipantId,
    last_timestamp: Option<u32>,
    sound_ms: f32,
    loudest_dbov: i8,
    level: f32,
}

/// The speakers of one room.
#[derive(Debug, Default)]
pub struct Speakers {
    voices: IdMap<TrackId, Voice>,
    told: Vec<(ParticipantId, TrackId, f32)>,
    next: Option<Instant>,
}

impl Speakers {
    /// One packet of a microphone.
    pub fn hear(
        &mut self,
        now: Instant,
        (participant, track): (ParticipantId, TrackId),
        timestamp: u32,
        level_dbov: i8,
    ) {
        let voice = self.voices.entry(track).or_insert(Voice {
            participant,
            last_timestamp: None,
            sound_ms: 0.0,
            loudest_dbov: i8::MIN,
            level: 0.0,
        });
        let length_ms = match voice.last_timestamp {
            // All audio clocks that carry levels run at 48 kHz.
            Some(last) => (timestamp.wrapping_sub(last) as f32 / 48.0).min(MAX_PACKET_MS),
            None => PACKET_MS,
        };
        voice.last_timestamp = Some(timestamp);
        if level_dbov >= ACTIVE_DBOV {
            voice.sound_ms += length_ms;
            voice.loudest_dbov = voice.loudest_dbov.max(level_dbov);
        }
        if self.next.is_none() {
            self.next = Some(now + WINDOW);
        }
    }

    /// A track has ended.
    pub fn forget(&mut self, now: Instant, track: TrackId) {
        if self.voices.remove(&track).is_some() && self.next.is_none() {
            self.next = Some(now + WINDOW);
        }
    }

    /// When the window ends.
    pub fn deadline(&self) -> Option<Instant> {
        self.next
    }

    /// The speakers, loudest first, if the window is over and they changed.
    pub fn decide(&mut self, now: Instant) -> Option<Vec<(ParticipantId, TrackId, f32)>> {
        if self.next.is_none_or(|next| now < next) {
            return None;
        }
        let window_ms = WINDOW.as_secs_f32() * 1_000.0;
        let mut speakers = Vec::new();
        for (track, voice) in &mut self.voices {
            let active = voice.sound_ms >= ACTIVE_SHARE * window_ms;
            let heard = if active { 10f32.powf(f32::from(voice.loudest_dbov) / 20.0) } else { 0.0 };
            voice.level += (heard - voice.level) * SMOOTHING;
            voice.sound_ms = 0.0;
            voice.loudest_dbov = i8::MIN;
            // A talker is never told as silent by rounding.
            let level = (voice.level * STEPS).ceil() / STEPS;
            if active && level > 0.0 {
                speakers.push((voice.participant, *track, level));
            } else {
                voice.level = 0.0;
            }
        }
        speakers.sort_by(|a, b| b.2.total_cmp(&a.2).then(a.1.cmp(&b.1)));
        // Silence needs no windows: the next packet opens one.
        self.next = (!speakers.is_empty()).then(|| now + WINDOW);
        if speakers == self.told {
            return None;
        }
        self.told.clone_from(&speakers);
        Some(speakers)
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    const ANN: (ParticipantId, TrackId) = (ParticipantId(1), TrackId(10));
    const BOB: (ParticipantId, TrackId) = (ParticipantId(2), TrackId(20));

    struct Clock {
        now: Instant,
        timestamp: u32,
    }

    fn window(speakers: &mut Speakers, clock: &mut Clock, talk: &[((ParticipantId, TrackId), i8)]) {
        for _ in 0..20 {
            for (who, level) in talk {
                speakers.hear(clock.now, *who, clock.timestamp, *level);
            }
            clock.now += Duration::from_millis(20);
            clock.timestamp = clock.timestamp.wrapping_add(960);
        }
    }

    #[test]
    fn the_loudest_is_first_and_silence_ends_it_once() {
        let mut clock = Clock { now: Instant::now(), timestamp: u32::MAX - 5_000 };
        let mut speakers = Speakers::default();
        window(&mut speakers, &mut clock, &[(ANN, -30), (BOB, -6)]);
        let told = speakers.decide(clock.now).unwrap();
        assert_eq!(told.iter().map(|s| s.0).collect::<Vec<_>>(), [BOB.0, ANN.0]);
        assert!(told[0].2 > told[1].2 && told[0].2 <= 1.0);

        window(&mut speakers, &mut clock, &[(ANN, -60), (BOB, -60)]);
        assert_eq!(speakers.decide(clock.now), Some(Vec::new()));
        window(&mut speakers, &mut clock, &[(ANN, -60)]);
        assert_eq!(speakers.decide(clock.now), None, "told already");
    }

    #[test]
    fn a_click_is_no_speech() {
        let mut clock = Clock { now: Instant::now(), timestamp: 0 };
        let mut speakers = Speakers::default();
        speakers.hear(clock.now, ANN, 0, -3);
        window(&mut speakers, &mut clock, &[(ANN, -70)]);
        assert_eq!(speakers.decide(clock.now), None);
    }

    #[test]
    fn who_leaves_is_no_speaker_any_more() {
        let mut clock = Clock { now: Instant::now(), timestamp: 0 };
        let mut speakers = Speakers::default();
        window(&mut speakers, &mut clock, &[(ANN, -20)]);
        assert!(speakers.decide(clock.now).is_some());
        speakers.forget(clock.now, ANN.1);
        assert_eq!(speakers.decide(clock.now + WINDOW), Some(Vec::new()));
    }
}
