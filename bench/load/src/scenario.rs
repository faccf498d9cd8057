//! Who publishes what, and who sees it.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::client::Plan;
use crate::media::Recording;
use crate::player::Layer;

/// The recordings.
#[derive(Debug)]
pub struct Library {
    video: [Layer; 3],
    audio: Layer,
}

impl Library {
    /// Reads the files that `bench/media.py` makes.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let recording = |name: &str| Recording::read(&folder.join(name));
        let video = |recording: Arc<Recording>, fps, size, bitrate_bps| Layer {
            recording,
            interval: Duration::from_secs(1) / fps,
            rid: None,
            layer: 0,
            size,
            bitrate_bps,
            stamped: true,
        };
        Ok(Self {
            video: [
                video(recording("180p.frames")?, 20, (320, 180), 160_000),
                video(recording("360p.frames")?, 30, (640, 360), 450_000),
                video(recording("720p.frames")?, 30, (1_280, 720), 2_000_000),
            ],
            audio: Layer {
                recording: recording("opus.frames")?,
                interval: Duration::from_millis(20),
                rid: None,
                layer: 0,
                size: (0, 0),
                bitrate_bps: 32_000,
                stamped: true,
            },
        })
    }

    fn one(&self, size: usize) -> Vec<Layer> {
        self.video.get(size).cloned().into_iter().collect()
    }

    /// What somebody sends whom browsers see and hear: a voice and a picture of 360p, by itself or
    /// with a smaller layer below it.
    pub fn person(&self, number: u16, simulcast: bool) -> [Plan; 2] {
        let picture =
            if simulcast { self.simulcast().into_iter().take(2).collect() } else { self.one(1) };
        [(2 * number, true, vec![self.audio.clone()]), (2 * number + 1, false, picture)].map(
            |(number, audio, layers)| {
                let plain = layers.into_iter().map(|layer| Layer { stamped: false, ..layer });
                Plan { number, audio, layers: plain.collect() }
            },
        )
    }

    fn simulcast(&self) -> Vec<Layer> {
        let names = ["q", "h", "f"];
        let layers = self.video.iter().cloned().zip(names).enumerate();
        layers
            .map(|(layer, (video, rid))| Layer { rid: Some(rid), layer: layer as u8, ..video })
            .collect()
    }
}

/// One scenario.
#[derive(Debug)]
pub struct Scenario {
    /// What each publisher sends.
    pub publishers: Vec<Vec<Plan>>,
    /// How many only receive.
    pub subscribers: usize,
    /// Whether publishers see each other.
    pub mutual: bool,
    /// The size in which pictures are shown; None asks for nothing.
    pub shown: Option<(u32, u32)>,
    /// Tracks that each subscriber gets.
    pub tracks: usize,
    /// Between two joins.
    pub pace: Duration,
    /// The joins are what is measured.
    pub storm: bool,
}

/// All of them.
pub const NAMES: [&str; 5] = ["1-to-100", "10-by-10", "25-to-20", "audio-10-to-50", "join-storm"];

impl Scenario {
    /// The scenario of this name.
    pub fn named(name: &str, library: &Library) -> Option<Self> {
        let video = |layers: Vec<Layer>, count: u16| -> Vec<Vec<Plan>> {
            let plan = |number| vec![Plan { number, audio: false, layers: layers.clone() }];
            (0..count).map(plan).collect()
        };
        let pace = Duration::from_millis(50);
        let base = Self {
            publishers: video(library.one(2), 1),
            subscribers: 100,
            mutual: false,
            shown: None,
            tracks: 1,
            pace,
            storm: false,
        };
        Some(match name {
            "1-to-100" => base,
            "join-storm" => Self { storm: true, ..base },
            "10-by-10" => Self {
                publishers: video(library.simulcast(), 10),
                subscribers: 0,
                mutual: true,
                shown: Some((640, 360)),
                tracks: 9,
                ..base
            },
            "25-to-20" => {
                Self { publishers: video(library.one(0), 25), subscribers: 20, tracks: 25, ..base }
            }
            "audio-10-to-50" => {
                let layers = vec![library.audio.clone()];
                let plan = |number| vec![Plan { number, audio: true, layers: layers.clone() }];
                let publishers = (0..10).map(plan).collect();
                Self { publishers, subscribers: 50, tracks: 10, ..base }
            }
            _ => return None,
        })
    }
}
