/**
 * What an SFU sends us: whose it is and what, and what is asked of it for a picture, which is the
 * layer that fits the tile, and nothing where there is none for a while.
 */
import type { RemoteTrack as LiveKitTrack, RemoteTrackPublication } from "livekit-client";
import { Hiding } from "./hiding";
import type { Remotes } from "./remotes";
import { isSource, keyOf, kindOf, type RemoteTrack, type Source, type TileSize } from "./session";
import { lastPlayed } from "./steady";
import type { Ease } from "./strain";

export interface SfuRemote extends RemoteTrack {
  readonly publication: RemoteTrackPublication;
  readonly livekit: LiveKitTrack;
}

/** While a window is being resized, not every pixel is worth a word. */
const STEP_PX = 32;

export class SfuReceiving {
  private readonly sizes = new Map<string, TileSize>();
  private readonly hiding = new Hiding();
  private eased: Ease = 0;

  constructor(private readonly remotes: Remotes<SfuRemote>) {}

  received(identity: string, livekit: LiveKitTrack, publication: RemoteTrackPublication): void {
    const source = publication.source as string;
    if (!isSource(source)) return;
    const track = livekit.mediaStreamTrack;
    if (this.remotes.get(identity, source)?.track === track) return;
    const stream = new MediaStream([track]);
    const remote: SfuRemote = {
      identity,
      source,
      track,
      stream,
      allowed: false,
      publication,
      livekit,
    };
    this.fit(remote);
    this.remotes.add(remote);
  }

  lost(identity: string, livekit: LiveKitTrack): void {
    for (const remote of this.remotes.of(identity)) {
      if (remote.livekit === livekit) this.remotes.remove(identity, remote.source);
    }
  }

  show(identity: string, source: Source, size: TileSize): void {
    this.sizes.set(keyOf(identity, source), size);
    const remote = this.remotes.get(identity, source);
    if (remote) this.fit(remote);
  }

  /** A machine that is short of time also has less to decode. */
  ease(ease: Ease): void {
    this.eased = ease;
    for (const remote of this.remotes.all()) this.fit(remote);
  }

  audioLevel(identity: string, source: Source): number | null {
    const remote = this.remotes.get(identity, source);
    if (remote?.allowed !== true) return null;
    return remote.livekit.receiver?.getSynchronizationSources()[0]?.audioLevel ?? null;
  }

  played(identity: string, source: Source): number | null {
    return lastPlayed(this.remotes.get(identity, source)?.livekit.receiver);
  }

  receivers(identity: string): readonly (readonly [Source, RTCRtpReceiver | undefined])[] {
    return this.remotes.of(identity).map(({ source, livekit }) => [source, livekit.receiver]);
  }

  close(): void {
    this.hiding.close();
  }

  private fit({ identity, source, publication }: SfuRemote): void {
    const key = keyOf(identity, source);
    const size = this.sizes.get(key);
    if (size === undefined || kindOf(source) !== "video") return;
    if (size === "hidden") {
      this.hiding.hide(key, () => publication.setEnabled(false));
      return;
    }
    this.hiding.seen(key);
    publication.setEnabled(true);
    const step = STEP_PX * (source === "camera" ? 1 + this.eased : 1);
    publication.setVideoDimensions({
      width: Math.ceil(size.width / step) * STEP_PX,
      height: Math.ceil(size.height / step) * STEP_PX,
    });
  }
}
