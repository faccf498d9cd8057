/**
 * Who is speaking. The first syllable lights the ring, a pause for breath does not put it out, and
 * a fan in the room is not a voice.
 */
import { Emitter } from "./events";
import { meter } from "./level";
import type { MediaSession } from "./session";

/** Louder than this is a voice in a silent room; in a noisy one, the noise raises it. */
const ON_LEVEL = 0.018;
const OFF_LEVEL = 0.009;
const NOISE_ON = 3;
const NOISE_OFF = 1.8;
/** A click of the keyboard is shorter. */
const ON_AFTER_MS = 90;
const OFF_AFTER_MS = 700;
/** How fast the noise floor follows: down at once, up slowly, so that speech is not learnt. */
const NOISE_RISE_PER_S = 0.15;

/** Turns levels into "speaking", with hysteresis in loudness and in time. */
export class SpeakingDetector {
  private on = false;
  private noise = 0;
  private last_ms: number | null = null;
  private crossing_ms: number | null = null;

  get speaking(): boolean {
    return this.on;
  }

  /** @param level 0..1; `now_ms` must not go back. Returns whether somebody speaks. */
  feed(level: number, now_ms: number): boolean {
    const elapsed_s = this.last_ms === null ? 0 : (now_ms - this.last_ms) / 1000;
    this.last_ms = now_ms;
    this.noise =
      level < this.noise
        ? level
        : this.noise + (level - this.noise) * Math.min(1, elapsed_s * NOISE_RISE_PER_S);
    const crossed = this.on
      ? level < Math.max(OFF_LEVEL, this.noise * NOISE_OFF)
      : level > Math.max(ON_LEVEL, this.noise * NOISE_ON);
    if (!crossed) {
      this.crossing_ms = null;
      return this.on;
    }
    this.crossing_ms ??= now_ms;
    if (now_ms - this.crossing_ms >= (this.on ? OFF_AFTER_MS : ON_AFTER_MS)) {
      this.on = !this.on;
      this.crossing_ms = null;
    }
    return this.on;
  }

  reset(): void {
    this.on = false;
    this.crossing_ms = null;
    this.last_ms = null;
  }
}

export interface VoiceEvents {
  /** 0..1, some fifteen times a second. */
  level: number;
  /** We are speaking and are heard. */
  speaking: boolean;
  /** "You are talking while muted": at most once in `HINT_AGAIN_MS`. */
  talking_while_muted: null;
}

const HINT_AGAIN_MS = 20_000;

/** Our own voice, muted or not. */
export class LocalVoice extends Emitter<VoiceEvents> {
  private readonly detector = new SpeakingDetector();
  private readonly stopMeter: () => void;
  private said = false;
  private hinted_ms = -Infinity;

  constructor(
    track: MediaStreamTrack,
    private muted: boolean,
  ) {
    super();
    this.stopMeter = meter(track, (level) => this.heard(level, performance.now()));
  }

  setMuted(muted: boolean): void {
    if (this.muted === muted) return;
    this.muted = muted;
    // The word that was on one's lips when muting is no reason for a hint.
    this.detector.reset();
    this.say(false);
  }

  stop(): void {
    this.stopMeter();
    this.say(false);
    this.clear();
  }

  private heard(level: number, now_ms: number): void {
    this.emit("level", level);
    const speaking = this.detector.feed(level, now_ms);
    this.say(speaking && !this.muted);
    if (speaking && this.muted && now_ms - this.hinted_ms >= HINT_AGAIN_MS) {
      this.hinted_ms = now_ms;
      this.emit("talking_while_muted", null);
    }
  }

  private say(speaking: boolean): void {
    if (speaking === this.said) return;
    this.said = speaking;
    this.emit("speaking", speaking);
  }
}

const POLL_MS = 100;

/** The others' voices, from what was played of them; no sound is decoded twice for it. */
export class RemoteVoices extends Emitter<{ speaking: { identity: string; speaking: boolean } }> {
  private readonly detectors = new Map<string, SpeakingDetector>();
  private readonly timer: ReturnType<typeof setInterval>;

  constructor(private readonly session: MediaSession) {
    super();
    this.timer = setInterval(() => this.poll(performance.now()), POLL_MS);
  }

  get speakers(): readonly string[] {
    return [...this.detectors].flatMap(([identity, { speaking }]) => (speaking ? [identity] : []));
  }

  stop(): void {
    clearInterval(this.timer);
    this.detectors.clear();
    this.clear();
  }

  private poll(now_ms: number): void {
    const present = new Set<string>();
    for (const { identity, source, allowed } of this.session.remoteTracks()) {
      if (source !== "microphone" || !allowed) continue;
      present.add(identity);
      const detector = this.detectors.get(identity) ?? new SpeakingDetector();
      this.detectors.set(identity, detector);
      const before = detector.speaking;
      const speaking = detector.feed(this.session.audioLevel(identity, source) ?? 0, now_ms);
      if (speaking !== before) this.emit("speaking", { identity, speaking });
    }
    for (const [identity, detector] of this.detectors) {
      if (present.has(identity)) continue;
      this.detectors.delete(identity);
      if (detector.speaking) this.emit("speaking", { identity, speaking: false });
    }
  }
}
