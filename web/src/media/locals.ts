import { contentHint } from "./bitrate";
import type { Emitter } from "./events";
import {
  kindOf,
  MediaError,
  type LocalTrack,
  type PublishOptions,
  type SessionEvents,
  type ShareMode,
  type Source,
} from "./session";

export interface Local extends LocalTrack {
  readonly options: PublishOptions;
  readonly unlisten: () => void;
}

export interface LocalsHost {
  /** A source is sent differently from now on; told to nobody yet. */
  kept?(source: Source): void;
  /** A source is sent no more; told to nobody yet. */
  dropped(source: Source): void;
}

/**
 * What we send, by whatever plane: one track a source, and whether it is muted. A muted microphone
 * is silent at once and stays captured; a muted camera is let go, so that its light goes out.
 */
export class Locals {
  private readonly locals = new Map<Source, Local>();

  constructor(
    private readonly emitter: Emitter<SessionEvents>,
    private readonly host: LocalsHost,
  ) {}

  get(source: Source): Local | undefined {
    return this.locals.get(source);
  }

  all(): readonly Local[] {
    return [...this.locals.values()];
  }

  view(source: Source): LocalTrack | null {
    const local = this.locals.get(source);
    if (local === undefined) return null;
    const { track, muted, mode } = local;
    return { source, track, muted, mode };
  }

  /**
   * Gives the track that was sent before, to be stopped once the new one is: the others would see
   * a gap between the two. @throws MediaError `wrong_kind`.
   */
  put(source: Source, track: MediaStreamTrack, options: PublishOptions): MediaStreamTrack | null {
    if (track.kind !== kindOf(source)) throw new MediaError("wrong_kind");
    const before = this.locals.get(source);
    const muted = options.muted ?? before?.muted ?? false;
    const mode = source === "screen_share" ? (options.mode ?? before?.mode ?? "text") : null;
    track.contentHint = contentHint(source, mode);
    const released = muted && source === "camera";
    if (released) track.stop();
    else track.enabled = !muted;
    const ended = (): void => this.endedByDevice(source, track);
    track.addEventListener("ended", ended);
    before?.unlisten();
    this.store({
      source,
      track: released ? null : track,
      muted,
      mode,
      options: { ...before?.options, ...options },
      unlisten: () => track.removeEventListener("ended", ended),
    });
    return before === undefined || before.track === track ? null : before.track;
  }

  /** Whether that changed anything. @throws MediaError `not_published`, `track_needed`. */
  mute(source: Source, muted: boolean): boolean {
    const local = this.locals.get(source);
    if (local === undefined) throw new MediaError("not_published");
    if (local.muted === muted) return false;
    if (!muted && (local.track === null || local.track.readyState === "ended")) {
      throw new MediaError("track_needed");
    }
    const released = muted && source === "camera";
    if (released) local.track?.stop();
    else if (local.track !== null) local.track.enabled = !muted;
    this.store({ ...local, muted, track: released ? null : local.track });
    return true;
  }

  setShareMode(mode: ShareMode): void {
    const local = this.locals.get("screen_share");
    if (local === undefined || local.mode === mode) return;
    if (local.track !== null) local.track.contentHint = contentHint("screen_share", mode);
    this.store({ ...local, mode, options: { ...local.options, mode } });
  }

  drop(source: Source, ended = false): void {
    const local = this.locals.get(source);
    if (local === undefined) return;
    local.unlisten();
    local.track?.stop();
    this.locals.delete(source);
    this.host.dropped(source);
    this.tell(source, ended);
  }

  /** The call is over. With `keepTracks` another session goes on with them. */
  clear(keepTracks: boolean): void {
    for (const local of this.locals.values()) {
      local.unlisten();
      if (!keepTracks) local.track?.stop();
    }
    this.locals.clear();
  }

  private store(local: Local): void {
    this.locals.set(local.source, local);
    this.host.kept?.(local.source);
    this.tell(local.source, false);
  }

  private endedByDevice(source: Source, track: MediaStreamTrack): void {
    if (this.locals.get(source)?.track !== track) return;
    // A share is over. A camera or microphone may come back: the seat keeps its publication.
    if (source === "screen_share" || source === "screen_share_audio") this.drop(source, true);
    else this.tell(source, true);
  }

  private tell(source: Source, ended: boolean): void {
    this.emitter.emit("local", { source, local: this.view(source), ended });
  }
}
