/**
 * What we send to an SFU: it is made to have of each source what we have, as muted as it is, one
 * thing after the other.
 */
import {
  LocalAudioTrack,
  LocalVideoTrack,
  Track,
  VideoPreset,
  type LocalTrack as LiveKitLocal,
  type LocalTrackPublication,
  type TrackPublication,
  type TrackPublishOptions,
} from "livekit-client";
import { easeLayers } from "./bitrate";
import type { Emitter } from "./events";
import type { Local, Locals } from "./locals";
import type { SfuLine } from "./sfu_line";
import { isSource, type SessionEvents, type ShareMode, type Source } from "./session";
import type { Ease } from "./strain";

const CAMERA_BPS = 1_500_000;
const CAMERA_LAYERS = [
  new VideoPreset(320, 180, 160_000, 20),
  new VideoPreset(640, 360, 450_000, 25),
];
const SHARE: Record<ShareMode, { maxBitrate: number; maxFramerate: number }> = {
  text: { maxBitrate: 1_800_000, maxFramerate: 10 },
  motion: { maxBitrate: 2_500_000, maxFramerate: 30 },
};

const SOURCES: Readonly<Record<Source, Track.Source>> = {
  microphone: Track.Source.Microphone,
  camera: Track.Source.Camera,
  screen_share: Track.Source.ScreenShare,
  screen_share_audio: Track.Source.ScreenShareAudio,
};

export class SfuSending {
  private readonly published = new Map<Source, LocalTrackPublication>();
  private eased: Ease = 0;
  /** The layers of the camera as they were published. */
  private layers: readonly RTCRtpEncodingParameters[] = [];
  private sending: Promise<void> = Promise.resolve();
  private closed = false;

  constructor(
    private readonly line: SfuLine,
    private readonly locals: Locals,
    private readonly emitter: Emitter<SessionEvents>,
  ) {}

  /** Makes the SFU have of a source what we have; resolves when it does, or cannot. */
  send(source: Source): Promise<void> {
    this.sending = this.sending
      .then(() => this.bringUp(source))
      .catch((error: unknown) => {
        if (!this.isOpen) return;
        this.emitter.emit("warning", { identity: null, code: "publish", detail: String(error) });
      });
    return this.sending;
  }

  /** The SFU has nothing of ours any more. */
  sendAnew(): void {
    this.published.clear();
    for (const { source } of this.locals.all()) void this.send(source);
  }

  /** The server ended it: what is sent of this source another time is published anew. */
  ended(publication: LocalTrackPublication): void {
    for (const [source, there] of this.published) {
      if (there === publication) this.published.delete(source);
    }
  }

  /** The server muted what the room says is muted: our button follows the room. */
  silenced({ source: called, track }: TrackPublication): void {
    const source = called as string;
    if (!track || !isSource(source)) return;
    const local = this.locals.get(source);
    // Our own word on it comes from the room; until then nothing more leaves the device.
    if (local?.track && !local.muted) local.track.enabled = false;
  }

  ease(ease: Ease): void {
    this.eased = ease;
    this.easeCamera();
  }

  /** Whether the SFU has everything that we send. */
  get isComplete(): boolean {
    return this.locals
      .all()
      .every(({ source, track }) => track === null || this.published.has(source));
  }

  sender(source: Source): RTCRtpSender | undefined {
    return this.published.get(source)?.track?.sender;
  }

  senders(): readonly (readonly [Source, RTCRtpSender | undefined])[] {
    return [...this.published].map(([source, { track }]) => [source, track?.sender]);
  }

  close(): void {
    this.closed = true;
  }

  private get isOpen(): boolean {
    return !this.closed && this.line.state === "connected";
  }

  private async bringUp(source: Source): Promise<void> {
    if (!this.isOpen) return;
    const { localParticipant } = this.line.room;
    const local = this.locals.get(source);
    const there = this.published.get(source);
    const sent = there?.track;
    if (local === undefined) {
      this.published.delete(source);
      if (sent) await localParticipant.unpublishTrack(sent, false);
      return;
    }
    if (sent === undefined) {
      if (local.track !== null) await this.publish(local, local.track);
      return;
    }
    if (local.track !== null && sent.mediaStreamTrack !== local.track) {
      await sent.replaceTrack(local.track, { userProvidedTrack: true });
    }
    if (local.muted !== sent.isMuted) await (local.muted ? sent.mute() : sent.unmute());
  }

  private async publish(local: Local, track: MediaStreamTrack): Promise<void> {
    const { source, muted } = local;
    const made =
      track.kind === "audio"
        ? new LocalAudioTrack(track, undefined, true)
        : new LocalVideoTrack(track, undefined, true);
    if (muted) await made.mute();
    const publication = await this.line.room.localParticipant.publishTrack(
      made as LiveKitLocal,
      publishOptions(local),
    );
    this.published.set(source, publication);
    if (source !== "camera") return;
    this.layers = made.sender?.getParameters().encodings ?? [];
    if (this.eased > 0) this.easeCamera();
  }

  private easeCamera(): void {
    const sender = this.sender("camera");
    if (sender) void easeLayers(sender, this.layers, this.eased);
  }
}

function publishOptions({ source, mode, options }: Local): TrackPublishOptions {
  const most = options.maxBitrate_bps ?? Infinity;
  const share = SHARE[mode ?? "text"];
  return {
    source: SOURCES[source],
    ...(source === "camera"
      ? {
          videoEncoding: {
            maxBitrate: Math.min(CAMERA_BPS, most),
            maxFramerate: options.maxFramerate ?? 30,
          },
          videoSimulcastLayers: CAMERA_LAYERS,
        }
      : {}),
    ...(source === "screen_share"
      ? { screenShareEncoding: { ...share, maxBitrate: Math.min(share.maxBitrate, most) } }
      : {}),
  };
}
