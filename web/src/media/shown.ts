import type { Emitter } from "./events";
import type { RemoteTrack, SessionEvents } from "./session";

/** What is shown and heard, wherever each is taken from, and the word on what changes in it. */
export class Shown {
  private readonly streams = new Map<string, MediaStream>();
  private tracks: ReadonlyMap<string, RemoteTrack> = new Map();

  constructor(private readonly emitter: Emitter<SessionEvents>) {}

  all(): readonly RemoteTrack[] {
    return [...this.tracks.values()];
  }

  /** Tells what has changed in what is to be shown and heard. */
  become(tracks: ReadonlyMap<string, RemoteTrack>): void {
    const now = new Map([...tracks].map(([key, track]) => [key, this.lasting(key, track)]));
    const before = this.tracks;
    this.tracks = now;
    for (const [key, track] of before) {
      if (now.has(key)) continue;
      this.streams.delete(key);
      this.emitter.emit("track", { change: "removed", track });
    }
    for (const [key, track] of now) {
      const old = before.get(key);
      if (old === undefined) this.emitter.emit("track", { change: "added", track });
      else if (old.track !== track.track || old.allowed !== track.allowed) {
        this.emitter.emit("track", { change: "changed", track });
      }
    }
  }

  /**
   * A source as it is shown, in a stream that lasts longer than a plane: an element that plays it
   * goes on with the other track, where one that is given another stream begins anew.
   */
  private lasting(key: string, track: RemoteTrack): RemoteTrack {
    let stream = this.streams.get(key);
    if (stream === undefined) this.streams.set(key, (stream = new MediaStream([track.track])));
    const [playing] = stream.getTracks();
    if (playing !== track.track) {
      stream.addTrack(track.track);
      if (playing !== undefined) stream.removeTrack(playing);
    }
    return { ...track, stream };
  }
}
