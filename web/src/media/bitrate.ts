/**
 * How much to send, and how the sound is coded.
 *
 * In a mesh every picture is encoded and sent once for each other participant: the uplink carries
 * (n - 1) x bitrate. So the bounds fall as the room grows, and a shared screen, which is what
 * people look at, is served before the camera.
 */
import type { ShareMode, Source } from "./session";
import type { Ease } from "./strain";

/** What an ordinary home uplink carries besides the rest of the house. */
const UPLINK_BPS = 4_000_000;
const CAMERA_BPS = { most: 1_500_000, least: 120_000 };
const SHARE_BPS: Record<ShareMode, { most: number; least: number }> = {
  text: { most: 1_800_000, least: 300_000 },
  motion: { most: 2_500_000, least: 400_000 },
};
const MICROPHONE_BPS = 40_000;
const SHARE_AUDIO_BPS = 96_000;

export interface Bounds {
  readonly maxBitrate_bps: number;
  readonly maxFramerate: number | null;
  /** >= 1: a small bitrate looks better on a small picture. */
  readonly scaleDownBy: number;
  readonly degradation: RTCDegradationPreference | null;
}

export interface Wish {
  readonly mode: ShareMode | null;
  readonly maxBitrate_bps?: number | undefined;
  readonly maxFramerate?: number | undefined;
}

const between = (least: number, value: number, most: number): number =>
  Math.floor(Math.min(most, Math.max(least, value)));

/** The bounds of what goes to one receiver; `sending` is all that is sent besides. */
export function boundsFor(
  source: Source,
  wish: Wish,
  receivers: number,
  sending: ReadonlySet<Source>,
): Bounds {
  const each = UPLINK_BPS / Math.max(1, receivers);
  const capped = (bps: number): number => Math.min(bps, wish.maxBitrate_bps ?? Infinity);
  switch (source) {
    case "microphone":
      return audio(capped(MICROPHONE_BPS));
    case "screen_share_audio":
      return audio(capped(SHARE_AUDIO_BPS));
    case "screen_share": {
      const mode = wish.mode ?? "text";
      const part = sending.has("camera") ? 0.75 : 1;
      return {
        maxBitrate_bps: capped(between(SHARE_BPS[mode].least, each * part, SHARE_BPS[mode].most)),
        maxFramerate: wish.maxFramerate ?? (mode === "text" ? 10 : 30),
        scaleDownBy: 1,
        degradation: mode === "text" ? "maintain-resolution" : "maintain-framerate",
      };
    }
    case "camera": {
      const part = sending.has("screen_share") ? 0.25 : 1;
      const bps = capped(between(CAMERA_BPS.least, each * part, CAMERA_BPS.most));
      return {
        maxBitrate_bps: bps,
        maxFramerate: wish.maxFramerate ?? (bps >= 300_000 ? 30 : 20),
        scaleDownBy: bps >= 700_000 ? 1 : bps >= 300_000 ? 1.5 : 2,
        degradation: "balanced",
      };
    }
  }
}

/** What is left of a camera after so many steps down: a smaller picture, and fewer of them. */
const EASED = [
  { share: 1, scale: 1, most_fps: Infinity },
  { share: 0.5, scale: 1.5, most_fps: 15 },
  { share: 0.2, scale: 2, most_fps: 10 },
] as const;
/** Less than this is no picture any more. */
const EASED_LEAST_BPS = 60_000;

const less = (bps: number, share: number): number =>
  Math.min(bps, Math.max(EASED_LEAST_BPS, Math.floor(bps * share)));

export function eased(bounds: Bounds, ease: Ease): Bounds {
  const { share, scale, most_fps } = EASED[ease];
  return {
    ...bounds,
    maxBitrate_bps: less(bounds.maxBitrate_bps, share),
    maxFramerate: bounds.maxFramerate && Math.min(bounds.maxFramerate, most_fps),
    scaleDownBy: bounds.scaleDownBy * scale,
  };
}

/** The same for a camera in layers; `whole` are its encodings as they were published. */
export async function easeLayers(
  sender: RTCRtpSender,
  whole: readonly RTCRtpEncodingParameters[],
  ease: Ease,
): Promise<void> {
  const { share, scale, most_fps } = EASED[ease];
  const parameters = sender.getParameters();
  for (const [index, encoding] of parameters.encodings.entries()) {
    const { maxBitrate, maxFramerate, scaleResolutionDownBy = 1 } = whole[index] ?? {};
    if (maxBitrate !== undefined) encoding.maxBitrate = less(maxBitrate, share);
    if (maxFramerate !== undefined) encoding.maxFramerate = Math.min(maxFramerate, most_fps);
    encoding.scaleResolutionDownBy = scaleResolutionDownBy * scale;
  }
  await sender.setParameters(parameters).catch(() => undefined);
}

/** What an encoder was told to take at most, in all its layers that are sent; null: nothing. */
export function mostOf(sender: RTCRtpSender | undefined): number | null {
  const encodings = sender?.getParameters().encodings ?? [];
  const told = encodings.flatMap(({ active, maxBitrate }) =>
    active === false || maxBitrate === undefined ? [] : [maxBitrate],
  );
  return told.length === 0 ? null : told.reduce((sum, bps) => sum + bps, 0);
}

const audio = (maxBitrate_bps: number): Bounds => ({
  maxBitrate_bps,
  maxFramerate: null,
  scaleDownBy: 1,
  degradation: null,
});

/**
 * Tells the encoder; a browser that takes only some of it (or none yet) is no error. What is not
 * `wanted` is not encoded at all for now.
 */
export async function applyBounds(
  sender: RTCRtpSender,
  bounds: Bounds,
  wanted: boolean,
): Promise<void> {
  const parameters = sender.getParameters();
  const encoding = parameters.encodings[0];
  if (encoding === undefined) return; // Not negotiated yet: the caller comes back when it is.
  encoding.active = wanted;
  encoding.maxBitrate = bounds.maxBitrate_bps;
  if (bounds.maxFramerate !== null) {
    encoding.maxFramerate = bounds.maxFramerate;
    encoding.scaleResolutionDownBy = bounds.scaleDownBy;
  }
  if (bounds.degradation !== null) parameters.degradationPreference = bounds.degradation;
  await sender.setParameters(parameters).catch(() => undefined);
}

/**
 * A whole picture, now: what was lost on a path that died cannot be mended, and the other end asks
 * for a new one only after three seconds without any.
 *
 * Source: W3C webrtc-extensions, `RTCEncodingOptions.keyFrame`; browsers without it pass it over.
 */
export async function sendWholePicture(sender: RTCRtpSender): Promise<void> {
  if (sender.track?.kind !== "video") return;
  const parameters = sender.getParameters();
  const encodingOptions = parameters.encodings.map(() => ({ keyFrame: true }));
  await sender.setParameters(parameters, { encodingOptions }).catch(() => undefined);
}

/** What the encoder should keep when it must give something up. Source: W3C mst-content-hint. */
export function contentHint(source: Source, mode: ShareMode | null): string {
  switch (source) {
    case "microphone":
      return "speech";
    case "screen_share_audio":
      return "music";
    case "camera":
      return "motion";
    case "screen_share":
      return mode === "motion" ? "motion" : "text";
  }
}

/**
 * The other's description with Opus' discontinuous transmission and in-band FEC asked for.
 * In SDP a receiver asks the sender for them, and no API does: so they are written into what we
 * received, never into what we send. A silent microphone then costs a few packets a second.
 *
 * Source: RFC 7587 section 6.1 (`usedtx`, `useinbandfec`).
 */
export function askForOpusDtx(sdp: string): string {
  const payloads = [...sdp.matchAll(/^a=rtpmap:(\d+) opus\/48000\/2\r?$/gim)].map((m) => m[1]);
  return [...new Set(payloads)].reduce((text: string, payload) => {
    const line = new RegExp(`^(a=fmtp:${payload ?? ""} )([^\\r\\n]*)`, "gm");
    return text.replace(line, (_all, head: string, value: string) => {
      const parameters = value.split(";").map((part) => part.trim());
      for (const wanted of ["useinbandfec", "usedtx"]) {
        if (!parameters.some((part) => part.startsWith(`${wanted}=`)))
          parameters.push(`${wanted}=1`);
      }
      return head + parameters.filter((part) => part !== "").join(";");
    });
  }, sdp);
}

/**
 * VP9 first for a shared screen: its screen content tools keep letters sharp at a third of VP8's
 * bitrate. Cameras keep the browser's own order, which knows the hardware.
 */
export function preferScreenCodec(transceiver: RTCRtpTransceiver): void {
  // Firefox has setCodecPreferences since 128, and some builds lack the capabilities.
  const codecs = RTCRtpReceiver.getCapabilities("video")?.codecs;
  if (codecs === undefined || typeof transceiver.setCodecPreferences !== "function") return;
  const rank = (codec: RTCRtpCodec): number =>
    codec.mimeType.toLowerCase() === "video/vp9" ? 0 : 1;
  try {
    transceiver.setCodecPreferences([...codecs].sort((a, b) => rank(a) - rank(b)));
  } catch {
    // The default order works too.
  }
}
