import type { MediaSession } from "../../media/session.ts";
import { borrowContext } from "../../media/level.ts";

/** Everybody's sound as this page hears it, and one's own microphone, in one track. */
export class Sound {
  readonly stream: MediaStream;
  readonly #release: () => void;
  readonly #context: AudioContext;
  readonly #out: MediaStreamAudioDestinationNode;
  readonly #parts = new Map<MediaStreamTrack, MediaStreamAudioSourceNode>();
  readonly #offs: (() => void)[];

  constructor(private readonly session: MediaSession) {
    const { context, release } = borrowContext();
    this.#context = context;
    this.#release = release;
    this.#out = context.createMediaStreamDestination();
    this.stream = this.#out.stream;
    this.#offs = [
      session.on("track", () => this.#follow()),
      session.on("local", () => this.#follow()),
    ];
    this.#follow();
  }

  close(): void {
    for (const off of this.#offs) off();
    for (const part of this.#parts.values()) part.disconnect();
    this.#parts.clear();
    for (const track of this.stream.getTracks()) track.stop();
    this.#release();
  }

  /** A muted track is silent by itself; what comes and goes is taken in and let go. */
  #follow(): void {
    const wanted = new Set(
      [
        this.session.local("microphone")?.track,
        this.session.local("screen_share_audio")?.track,
        ...this.session.remoteTracks().map(({ track }) => track),
      ].filter((track): track is MediaStreamTrack => track?.kind === "audio"),
    );
    for (const [track, part] of this.#parts) {
      if (wanted.has(track)) continue;
      part.disconnect();
      this.#parts.delete(track);
    }
    for (const track of wanted) {
      if (this.#parts.has(track)) continue;
      const part = this.#context.createMediaStreamSource(new MediaStream([track]));
      part.connect(this.#out);
      this.#parts.set(track, part);
    }
  }
}
