import { meterPosition } from "../media/level.ts";
import { LocalVoice } from "../media/speaking.ts";

export interface VoiceNews {
  readonly speaking: (speaking: boolean) => void;
  readonly talkingWhileMuted: () => void;
}

/** What our own microphone hears: how loud it is, and whether that is speech. */
export class OwnVoice {
  /** 0..1 as a meter draws it. */
  level = $state(0);
  speaking = $state(false);
  #voice: LocalVoice | null = null;
  #track: MediaStreamTrack | null = null;

  constructor(private readonly news: VoiceNews) {}

  /** What is listened to. */
  get track(): MediaStreamTrack | null {
    return this.#track;
  }

  setMuted(muted: boolean): void {
    this.#voice?.setMuted(muted);
    if (muted) this.speaking = false;
  }

  listen(track: MediaStreamTrack | null, muted: boolean): void {
    if (track === this.#track) return;
    this.#voice?.stop();
    this.#voice = null;
    this.#track = track;
    this.level = 0;
    this.speaking = false;
    if (track === null) return;
    const voice = new LocalVoice(track, muted);
    voice.on("level", (level) => (this.level = meterPosition(level)));
    voice.on("speaking", (speaking) => {
      this.speaking = speaking;
      this.news.speaking(speaking);
    });
    voice.on("talking_while_muted", () => this.news.talkingWhileMuted());
    this.#voice = voice;
  }

  stop(): void {
    this.listen(null, true);
  }
}
