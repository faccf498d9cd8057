//! When the publisher captured a packet, told on this machine's clock.

use std::time::{Duration, Instant, SystemTime};

use str0m::rtp::RtpPacket;

/// Maps the publisher's wall clock to ours, the same for its sound and its picture: their sender
/// reports then keep lips in sync at the subscribers. Source: RFC 3550, 6.4.1.
///
/// The offset is that of the packet that was quickest on its way, so a capture time is never later
/// than the packet's arrival.
#[derive(Debug, Default)]
pub struct CaptureClock {
    /// A moment on the publisher's clock, and the same moment on ours, as far as we know.
    anchor: Option<(SystemTime, Instant)>,
}

impl CaptureClock {
    /// When this packet was captured; its arrival, until the publisher has sent a report.
    pub fn captured(&mut self, packet: &RtpPacket, clock_rate: u32, arrived: Instant) -> Instant {
        let Some(theirs) = publishers_time(packet, clock_rate) else {
            return arrived;
        };
        let ours = self.anchor.and_then(|(anchor, ours)| shift(ours, anchor, theirs));
        match ours {
            // More than a second off the map: the publisher's clock was set anew.
            Some(ours) if ours <= arrived && arrived - ours < Duration::from_secs(1) => ours,
            _ => {
                self.anchor = Some((theirs, arrived));
                arrived
            }
        }
    }
}

fn publishers_time(packet: &RtpPacket, clock_rate: u32) -> Option<SystemTime> {
    let report = packet.last_sender_info.as_ref()?;
    let ticks = packet.header.timestamp.wrapping_sub(report.rtp_time.numer() as u32) as i32;
    let offset = Duration::from_secs_f64(f64::from(ticks.unsigned_abs()) / f64::from(clock_rate));
    if ticks < 0 {
        report.ntp_time.checked_sub(offset)
    } else {
        report.ntp_time.checked_add(offset)
    }
}

fn shift(ours: Instant, from: SystemTime, to: SystemTime) -> Option<Instant> {
    match to.duration_since(from) {
        Ok(later) => ours.checked_add(later),
        Err(earlier) => ours.checked_sub(earlier.duration()),
    }
}
