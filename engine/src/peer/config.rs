//! How a connection is set up.

use std::time::{Duration, Instant};

use str0m::config::DtlsVersion;
use str0m::format::{CodecConfig, PayloadParams};
use str0m::media::MediaKind;
use str0m::rtp::{Extension, StreamTx};
use str0m::{Rtc, RtcConfig};

use crate::codec::dependency_descriptor;
use crate::command::PeerOptions;

/// LiveKit's clients send at most 64,000 bytes in a message; the stamp adds to it.
const MAX_MESSAGE_BYTES: u32 = 256 * 1024;
const SEND_BUFFER_BYTES: usize = 256 * 1024;

/// Packets kept for retransmission to each subscriber, and for how long at most. A packet that was
/// asked for later than this would come too late to be shown; what is kept is the largest part of
/// what a subscriber takes of memory: 430 bytes for each packet, beside the payload that all share.
const RESEND_VIDEO: usize = 600;
const RESEND_AUDIO: usize = 50;
const RESEND_AGE: Duration = Duration::from_millis(1_000);
/// Retransmissions stop above this share of what is sent: the way is full, not lossy.
const RESEND_SHARE: f32 = 0.15;

/// How often loss and round trip are read.
pub const STATS_INTERVAL: Duration = Duration::from_secs(2);

/// Absolute capture time keeps sound and picture together over several hops.
const CAPTURE_TIME_ID: u8 = 5;
const DEPENDENCY_ID: u8 = 12;

/// Makes a connection. It costs about a millisecond: not for a media thread.
pub fn build(options: &PeerOptions, now: Instant) -> Rtc {
    let mut config = RtcConfig::new()
        .set_rtp_mode(true)
        .set_ice_lite(options.ice_lite)
        .set_dtls_version(DtlsVersion::Auto)
        .set_stats_interval(Some(STATS_INTERVAL))
        .set_rtcp_report_interval_audio(Duration::from_secs(2))
        .set_send_buffer_video(RESEND_VIDEO)
        .set_send_buffer_audio(RESEND_AUDIO)
        .set_sctp_max_message_size(MAX_MESSAGE_BYTES)
        .set_sctp_max_buffered_amount(SEND_BUFFER_BYTES)
        .set_extension(CAPTURE_TIME_ID, Extension::AbsoluteCaptureTime)
        .set_extension(DEPENDENCY_ID, dependency_descriptor())
        .clear_codecs();
    let has = |name: &str| options.codecs.iter().any(|codec| codec == name);
    config = config
        .enable_opus(has("opus"), false)
        .enable_vp8(has("vp8"))
        .enable_h264(has("h264"))
        .enable_vp9(has("vp9"))
        .enable_av1(has("av1"));
    if !options.rtx {
        let codecs = config.codec_config();
        *codecs =
            CodecConfig::new_from_payload_params(codecs.params().iter().map(without_rtx).collect());
    }
    config.build(now)
}

/// Bounds what one stream keeps.
pub fn limit_resends(stream: &mut StreamTx, kind: MediaKind) {
    let most = if kind == MediaKind::Video { RESEND_VIDEO } else { RESEND_AUDIO };
    stream.set_rtx_cache(most, RESEND_AGE, Some(RESEND_SHARE));
}

fn without_rtx(params: &PayloadParams) -> PayloadParams {
    let mut plain = PayloadParams::new(params.pt(), None, params.spec());
    plain.set_fb_transport_cc(params.fb_transport_cc());
    plain.set_fb_nack(params.fb_nack());
    plain.set_fb_pli(params.fb_pli());
    plain.set_fb_fir(params.fb_fir());
    plain.set_fb_remb(params.fb_remb());
    plain
}
