/**
 * Keeps one microphone or camera alive through what happens to devices: unplugged, plugged in
 * again, taken by a phone call, frozen with the page.
 *
 * It only ever replaces a track that was running. What is muted is none of its business: a session
 * keeps a source as muted as it was, and a stopped capture starts again only by `start`.
 */
import { acquire, thisBrowser, watchDevices, type Browser, type DeviceList } from "./devices";
import { Emitter } from "./events";
import { DeviceFailure } from "./failures";

export type Reason =
  /** By `start`: a choice of the person. */
  | "chosen"
  /** The device went away, and another took its place: say "switched to X". */
  | "fallback"
  /** The chosen device is back. */
  | "returned"
  /** After an interruption: the same device, a new track. */
  | "resumed";

export interface CaptureEvents {
  /** Publish this one: `session.publish(kind, track)`. */
  track: { readonly track: MediaStreamTrack; readonly label: string; readonly reason: Reason };
  /** The device is gone and nothing took its place. */
  lost: { readonly failure: DeviceFailure };
  /** The system took the device for a while (a call on a phone); false: it is back. */
  interrupted: boolean;
  /** It comes back only by a touch of the page: show "tap to resume", then call `resume`. */
  resume_needed: boolean;
}

/** How long an interrupted track may stay so once the page is seen again. */
const PATIENCE_MS = 1_000;

export class Capture extends Emitter<CaptureEvents> {
  private current: MediaStreamTrack | null = null;
  private preferred = "";
  private attempt = 0;
  private ended = false;
  private asking = false;
  private readonly unlisten: (() => void)[] = [];
  private untrack: () => void = () => undefined;

  constructor(
    readonly kind: "microphone" | "camera",
    private readonly browser: Browser = thisBrowser(),
  ) {
    super();
    this.unlisten.push(watchDevices((list) => void this.devicesChanged(list), browser));
    const seen = (): void => this.pageSeen();
    document.addEventListener("visibilitychange", seen);
    addEventListener("pageshow", seen);
    this.unlisten.push(() => {
      document.removeEventListener("visibilitychange", seen);
      removeEventListener("pageshow", seen);
    });
  }

  /** The track while it runs; a track that was stopped (a camera turned off) is none. */
  get track(): MediaStreamTrack | null {
    return this.current?.readyState === "live" ? this.current : null;
  }

  get deviceId(): string {
    return this.track?.getSettings().deviceId ?? "";
  }

  /**
   * Starts the device, or changes to another in the middle of the call. "" is the default.
   * @throws DeviceFailure, also `failed` where another `start` or `stop` came meanwhile.
   */
  async start(deviceId = this.preferred): Promise<MediaStreamTrack> {
    this.preferred = deviceId;
    return this.begin(deviceId, "chosen");
  }

  /** Lets go of the device; nothing here takes it again before `start`. */
  stop(): void {
    this.attempt += 1;
    this.take(null)?.stop();
    this.setAsking(false);
  }

  /** To be called by a tap, after `resume_needed`. */
  async resume(): Promise<void> {
    await this.replace("resumed");
  }

  close(): void {
    this.stop();
    for (const off of this.unlisten) off();
    this.clear();
  }

  private async begin(deviceId: string, reason: Reason): Promise<MediaStreamTrack> {
    const attempt = (this.attempt += 1);
    const track = await acquire(this.kind, deviceId, this.browser);
    if (attempt !== this.attempt) {
      track.stop();
      throw new DeviceFailure("failed", this.kind);
    }
    const former = this.take(track);
    this.setAsking(false);
    this.emit("track", { track, label: track.label, reason });
    // After its listeners: who publishes has replaced it by now, and there is no gap.
    former?.stop();
    return track;
  }

  /** Returns the track before this one, which is to be stopped. */
  private take(track: MediaStreamTrack | null): MediaStreamTrack | null {
    const former = this.current;
    this.untrack();
    this.current = track;
    this.ended = false;
    this.untrack = track === null ? () => undefined : this.listenTo(track);
    return former;
  }

  private listenTo(track: MediaStreamTrack): () => void {
    const onended = (): void => {
      this.ended = true;
      // On a phone the page is often hidden when this comes: then it waits to be seen.
      if (document.visibilityState === "visible") void this.replace("fallback");
    };
    const onmute = (): void => this.emit("interrupted", true);
    const onunmute = (): void => {
      this.emit("interrupted", false);
      this.setAsking(false);
    };
    track.addEventListener("ended", onended);
    track.addEventListener("mute", onmute);
    track.addEventListener("unmute", onunmute);
    return () => {
      track.removeEventListener("ended", onended);
      track.removeEventListener("mute", onmute);
      track.removeEventListener("unmute", onunmute);
    };
  }

  private async replace(reason: Reason): Promise<void> {
    const attempt = this.attempt;
    try {
      await this.begin(this.preferred, reason);
      this.emit("interrupted", false);
    } catch (error) {
      if (this.attempt !== attempt + 1 || !(error instanceof DeviceFailure)) return;
      // Safari gives the device back only by a touch, when the page is not capturing any more.
      if (error.code === "denied" || error.code === "dismissed") this.setAsking(true);
      else this.emit("lost", { failure: error });
    }
  }

  private async devicesChanged(list: DeviceList): Promise<void> {
    const { track } = this;
    if (track === null) return;
    const ids = list[this.kind].map(({ id }) => id);
    const current = this.deviceId;
    // Some browsers end the track of an unplugged device late, some never.
    if (current !== "" && !ids.includes(current)) await this.replace("fallback");
    else if (
      this.preferred !== "" &&
      this.preferred !== "default" &&
      current !== this.preferred &&
      ids.includes(this.preferred)
    ) {
      await this.replace("returned");
    }
  }

  private pageSeen(): void {
    if (document.visibilityState !== "visible" || this.current === null) return;
    if (this.ended) {
      void this.replace("resumed");
      return;
    }
    const track = this.current;
    if (!track.muted || track.readyState !== "live") return;
    setTimeout(() => {
      if (this.current === track && track.muted && track.readyState === "live") {
        void this.replace("resumed");
      }
    }, PATIENCE_MS);
  }

  private setAsking(asking: boolean): void {
    if (this.asking === asking) return;
    this.asking = asking;
    this.emit("resume_needed", asking);
  }
}
