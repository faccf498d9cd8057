import { Playback } from "../media/playback.ts";
import {
  keyOf,
  type MediaSession,
  type Peer,
  type RemoteTrack,
  type Source,
} from "../media/session.ts";
import { RemoteVoices } from "../media/speaking.ts";

/** What comes from the others, as state that a screen can follow. */
export class RemoteMedia {
  /** While the browser holds the sound back until somebody taps. */
  soundBlocked = $state(false);
  /** A second participant in one browser plays nothing, or it would howl. */
  silent = $state(false);
  speaking = $state.raw<ReadonlySet<string>>(new Set());

  #tracks = $state.raw<ReadonlyMap<string, RemoteTrack>>(new Map());
  #peers = $state.raw<ReadonlyMap<string, Peer>>(new Map());
  #playback: Playback;
  #voices: RemoteVoices;
  #off: (() => void)[];

  constructor(
    private readonly session: MediaSession,
    options: { readonly silent: boolean; readonly speakerId: string },
  ) {
    this.silent = options.silent;
    this.#playback = new Playback({ muted: options.silent });
    if (options.speakerId) void this.#playback.setOutput(options.speakerId);
    this.#voices = new RemoteVoices(session);
    this.#off = [
      this.#playback.on("blocked", (blocked) => (this.soundBlocked = blocked)),
      this.#playback.follow(session),
      this.#voices.on("speaking", ({ identity, speaking }) => {
        const next = new Set(this.speaking);
        if (speaking) next.add(identity);
        else next.delete(identity);
        this.speaking = next;
      }),
      session.on("track", () => this.#takeTracks()),
      session.on("peer", (peer) => {
        const next = new Map(this.#peers);
        if (peer.state === "closed") next.delete(peer.identity);
        else next.set(peer.identity, peer);
        this.#peers = next;
      }),
    ];
    this.#takeTracks();
  }

  /** A picture or sound that may be shown, or null. */
  stream(identity: string, source: Source): MediaStream | null {
    const track = this.#tracks.get(keyOf(identity, source));
    return track?.allowed ? track.stream : null;
  }

  peer(identity: string): Peer | null {
    return this.#peers.get(identity) ?? null;
  }

  get peers(): readonly Peer[] {
    return [...this.#peers.values()];
  }

  /** To be called by a tap. */
  async hear(): Promise<void> {
    await this.#playback.resume();
  }

  speakUp(): void {
    this.silent = false;
    this.#playback.setMuted(false);
  }

  async chooseSpeaker(id: string): Promise<boolean> {
    return this.#playback.setOutput(id);
  }

  close(): void {
    for (const off of this.#off) off();
    this.#voices.stop();
    this.#playback.close();
  }

  #takeTracks(): void {
    this.#tracks = new Map(
      this.session.remoteTracks().map((track) => [keyOf(track.identity, track.source), track]),
    );
  }
}
