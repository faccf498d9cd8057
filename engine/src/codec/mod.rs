//! What the engine reads of a payload: whether a key frame starts in it, and VP8's counters.
//!
//! Only header bytes are read that stay in the clear when frames are encrypted end to end.

mod dependency;
mod keyframe;
mod spatial;
mod vp8;

pub use dependency::{DependencyDescriptor, FrameNumbers, extension as dependency_descriptor};
pub use keyframe::starts_key_frame;
pub use spatial::{Spatial, SpatialReader};
pub use vp8::{Counters, PictureIds};

use str0m::format::Codec;

/// The mime type as LiveKit writes it, such as `video/vp8`.
pub fn mime(codec: Codec) -> &'static str {
    match codec {
        Codec::Opus => "audio/opus",
        Codec::PCMU => "audio/pcmu",
        Codec::PCMA => "audio/pcma",
        Codec::Vp8 => "video/vp8",
        Codec::Vp9 => "video/vp9",
        Codec::H264 => "video/h264",
        Codec::H265 => "video/h265",
        Codec::Av1 => "video/av1",
        _ => "application/octet-stream",
    }
}
