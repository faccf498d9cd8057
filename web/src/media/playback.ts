/**
 * Makes the others heard, and pictures seen.
 *
 * A browser may refuse to play sound before somebody touched the page; then there is one signal
 * for the whole call ("tap to hear the others") and one `resume`. Audio elements are kept and used
 * again: one that has played by a tap may go on playing where a new one would be refused (iOS).
 */
import { Emitter } from "./events";
import { keyOf, kindOf, type MediaSession, type RemoteTrack } from "./session";

export interface PlaybackEvents {
  /** True while the browser keeps somebody's sound back. */
  blocked: boolean;
}

/** Safari on iOS and Firefox before 116 cannot choose the output. */
export const canChooseOutput = (): boolean =>
  typeof HTMLMediaElement !== "undefined" && "setSinkId" in HTMLMediaElement.prototype;

export class Playback extends Emitter<PlaybackEvents> {
  private readonly playing = new Map<string, HTMLAudioElement>();
  private readonly idle: HTMLAudioElement[] = [];
  private readonly refused = new Set<HTMLAudioElement>();
  private readonly unfollow = new Set<() => void>();
  private muted: boolean;
  private sinkId = "";

  /** @param muted for a second participant in one browser, whose sound would only howl. */
  constructor(options: { readonly muted?: boolean } = {}) {
    super();
    this.muted = options.muted ?? false;
  }

  /** Plays what this session receives, until the returned function is called. */
  follow(session: MediaSession): () => void {
    for (const track of session.remoteTracks()) this.play(track);
    const off = session.on("track", ({ change, track }) => {
      if (change === "added") this.play(track);
      else if (change === "removed") this.stop(keyOfTrack(track));
    });
    this.unfollow.add(off);
    return () => {
      off();
      this.unfollow.delete(off);
      for (const track of session.remoteTracks()) this.stop(keyOfTrack(track));
    };
  }

  get isBlocked(): boolean {
    return this.refused.size > 0;
  }

  get isMuted(): boolean {
    return this.muted;
  }

  /** To be called by a tap or a key press: plays all that was refused. */
  async resume(): Promise<void> {
    await Promise.all([...this.refused].map((element) => this.start(element)));
  }

  setMuted(muted: boolean): void {
    this.muted = muted;
    for (const element of this.playing.values()) element.muted = muted;
  }

  /** Sends the sound to this output, "" being the default. False where it cannot be chosen. */
  async setOutput(deviceId: string): Promise<boolean> {
    if (!canChooseOutput()) return false;
    this.sinkId = deviceId;
    const all = [...this.playing.values(), ...this.idle];
    const done = await Promise.allSettled(all.map((element) => element.setSinkId(deviceId)));
    const worked = done.every(({ status }) => status === "fulfilled");
    if (!worked) this.sinkId = "";
    return worked;
  }

  close(): void {
    for (const off of this.unfollow) off();
    this.unfollow.clear();
    for (const key of [...this.playing.keys()]) this.stop(key);
    for (const element of this.idle) element.remove();
    this.idle.length = 0;
    this.clear();
  }

  private play(track: RemoteTrack): void {
    if (kindOf(track.source) !== "audio") return;
    const element = this.playing.get(keyOfTrack(track)) ?? this.idle.pop() ?? this.make();
    this.playing.set(keyOfTrack(track), element);
    element.muted = this.muted;
    element.srcObject = track.stream;
    void this.start(element);
  }

  private stop(key: string): void {
    const element = this.playing.get(key);
    if (element === undefined) return;
    this.playing.delete(key);
    element.srcObject = null;
    this.idle.push(element);
    this.setRefused(element, false);
  }

  private make(): HTMLAudioElement {
    const element = document.createElement("audio");
    element.autoplay = true;
    element.hidden = true;
    document.body.append(element);
    if (this.sinkId !== "") void element.setSinkId(this.sinkId).catch(() => undefined);
    return element;
  }

  private async start(element: HTMLAudioElement): Promise<void> {
    try {
      await element.play();
      this.setRefused(element, false);
    } catch (error) {
      // AbortError: another srcObject came meanwhile, and brings its own start.
      if (!(error instanceof DOMException) || error.name !== "NotAllowedError") return;
      this.setRefused(element, element.srcObject !== null);
    }
  }

  private setRefused(element: HTMLAudioElement, refused: boolean): void {
    const before = this.isBlocked;
    if (refused) this.refused.add(element);
    else this.refused.delete(element);
    if (before !== this.isBlocked) this.emit("blocked", this.isBlocked);
  }
}

const keyOfTrack = ({ identity, source }: RemoteTrack): string => keyOf(identity, source);

/**
 * Shows a stream in a video element without its sound (`Playback` has that); the returned
 * function lets go of it. Fits Svelte's `{@attach}`.
 */
export function showVideo(element: HTMLVideoElement, stream: MediaStream | null): () => void {
  // iOS plays neither inline nor without a tap unless both are said before srcObject.
  element.muted = true;
  element.playsInline = true;
  element.autoplay = true;
  if (element.srcObject !== stream) element.srcObject = stream;
  const play = (): void => {
    if (document.visibilityState === "visible") void element.play().catch(() => undefined);
  };
  play();
  // iOS pauses videos of a page in the background and leaves them so.
  document.addEventListener("visibilitychange", play);
  return () => {
    document.removeEventListener("visibilitychange", play);
    // Not at once: where another stream takes its place, the last picture stays until its first.
    queueMicrotask(() => {
      if (element.srcObject === stream) element.srcObject = null;
    });
  };
}
