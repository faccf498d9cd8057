/** So long after the last frame a source is not taken for a living one. */
const ALIVE_MS = 1_000;

/**
 * Whether a receiver has played something out just now. Source: W3C WebRTC 1.0 section 5.3
 * (`RTCRtpSynchronizationSource`, whose times are of the page's own clock).
 */
export function isAlive(receiver: RTCRtpReceiver | undefined): boolean {
  const last_ms = receiver?.getSynchronizationSources()[0]?.timestamp;
  if (last_ms === undefined) return false;
  // Chromium counts from 1970, the specification from the page's beginning.
  const now_ms = last_ms > 1e11 ? performance.timeOrigin + performance.now() : performance.now();
  return now_ms - last_ms < ALIVE_MS;
}
