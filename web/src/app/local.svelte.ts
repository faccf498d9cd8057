import { Capture, type Reason } from "../media/capture.ts";
import { canShareScreen, type DeviceKind } from "../media/devices.ts";
import type { DeviceFailure } from "../media/failures.ts";
import { playTestSound } from "../media/level.ts";
import { canChooseOutput } from "../media/playback.ts";
import type { ShareMode } from "../media/session.ts";
import { type Device, DeviceChoice } from "./device_choice.svelte.ts";
import { DeviceTroubles } from "./device_troubles.svelte.ts";
import type { MediaSink } from "./media_sink.ts";
import { askOnce } from "./one_question.ts";
import { OwnScreen } from "./own_screen.svelte.ts";
import { OwnVoice } from "./own_voice.svelte.ts";
import type { Remembered } from "./remembered.svelte.ts";
import type { Trouble } from "./troubles.ts";

export interface LocalNews {
  /** Another device took over by itself. */
  switched?: (label: string) => void;
  speaking?: (speaking: boolean) => void;
  talkingWhileMuted?: () => void;
  speakerChosen?: (id: string) => void;
  /** A device could not be had, or went away. */
  trouble?: (trouble: Trouble) => void;
}

type Kind = "microphone" | "camera";

class Switch {
  /** What the button shows, from the moment it was pressed. */
  on = $state(false);
  stream = $state.raw<MediaStream | null>(null);
}

/** Our own camera, microphone and screen, before and in the call. */
export class LocalMedia {
  readonly microphone = new Switch();
  readonly camera = new Switch();
  /** True once somebody asked for devices by a click; before it no permission is wanted. */
  asked = $state(false);
  asking = $state(false);
  /** The system took a device, and gives it back only by a tap. */
  resumeNeeded = $state(false);
  news: LocalNews = {};

  #choice: DeviceChoice;
  #troubles = new DeviceTroubles();
  #captures: Record<Kind, Capture> | null = null;
  #waiting = new Set<Kind>();
  #sink: MediaSink | null = null;
  #screen = new OwnScreen(() => this.#sink);
  #voice = new OwnVoice({
    speaking: (speaking) => this.news.speaking?.(speaking),
    talkingWhileMuted: () => this.news.talkingWhileMuted?.(),
  });

  constructor(private readonly remembered: Remembered) {
    this.#choice = new DeviceChoice(remembered);
  }

  get cameras(): readonly Device[] {
    return this.#choice.cameras;
  }

  get microphones(): readonly Device[] {
    return this.#choice.microphones;
  }

  get speakers(): readonly Device[] {
    return this.#choice.speakers;
  }

  get chosen(): Readonly<Record<DeviceKind, string>> {
    return this.#choice.chosen;
  }

  get speakerChoosable(): boolean {
    return canChooseOutput();
  }

  get screenShareable(): boolean {
    return canShareScreen();
  }

  get share(): OwnScreen["share"] {
    return this.#screen.share;
  }

  get troubles(): readonly Trouble[] {
    return this.#troubles.all;
  }

  /** How loud our microphone is, 0..1 as a meter draws it. */
  get level(): number {
    return this.#voice.level;
  }

  get speaking(): boolean {
    return this.#voice.speaking;
  }

  // ------------------------------------------------------------------ turning on and off

  /** The one question to the browser: camera and microphone together, by a click. */
  async askForBoth(): Promise<void> {
    const { remembered } = this;
    this.asking = true;
    // Both were off the last time: whoever presses this now wants them.
    if (!remembered.microphone_on && !remembered.camera_on) {
      remembered.microphone_on = remembered.camera_on = true;
    }
    const answer = remembered.microphone_on && remembered.camera_on ? await askOnce() : null;
    this.asked = true;
    if (typeof answer === "string") this.#troubles.refused(answer);
    else {
      await Promise.all([
        remembered.microphone_on ? this.#turnOn("microphone") : null,
        remembered.camera_on ? this.#turnOn("camera") : null,
      ]);
      for (const track of answer?.getTracks() ?? []) track.stop();
    }
    this.#troubles.merge();
    this.asking = false;
    await this.#look();
  }

  async setMicrophone(on: boolean): Promise<void> {
    this.asked = true;
    this.remembered.microphone_on = on;
    this.remembered.save();
    await this.setMicrophoneForNow(on);
  }

  /** Push-to-talk and a host's mute: not a choice to be remembered. */
  async setMicrophoneForNow(on: boolean): Promise<void> {
    if (on) await this.#turnOn("microphone");
    else await this.#turnOff("microphone");
  }

  async setCamera(on: boolean): Promise<void> {
    this.asked = true;
    this.remembered.camera_on = on;
    this.remembered.save();
    await this.setCameraForNow(on);
  }

  async setCameraForNow(on: boolean): Promise<void> {
    if (on) await this.#turnOn("camera");
    else await this.#turnOff("camera");
  }

  /** A host has taken the right to it: the device is let go. */
  async giveUp(kind: Kind): Promise<void> {
    this[kind].on = false;
    this.#captures?.[kind].stop();
    if (kind === "camera") this.camera.stream = null;
    else this.#voice.stop();
    await this.#sink?.unpublish(kind);
  }

  async retry({ about }: Trouble): Promise<void> {
    if (about === "both") {
      this.remembered.microphone_on = this.remembered.camera_on = true;
      await this.askForBoth();
    } else if (about === "camera") await this.setCamera(true);
    else await this.setMicrophone(true);
  }

  /** By a tap, after the system took a device away. */
  async resume(): Promise<void> {
    await Promise.all([this.#captures?.microphone.resume(), this.#captures?.camera.resume()]);
  }

  // ------------------------------------------------------------------------- choosing

  async choose(kind: DeviceKind, id: string): Promise<void> {
    this.#choice.choose(kind, id);
    if (kind === "speaker") this.news.speakerChosen?.(id);
    // A device that is off is only chosen; a muted microphone goes on listening for its owner.
    else if (this.#capture(kind).track) await this.#start(kind);
  }

  async playTest(): Promise<boolean> {
    try {
      await playTestSound(this.chosen.speaker);
      return true;
    } catch {
      return false;
    }
  }

  // --------------------------------------------------------------------------- sharing

  /** @throws DeviceFailure; a closed question is no failure and shares nothing. */
  startShare(mode: ShareMode): Promise<boolean> {
    return this.#screen.start(mode);
  }

  setShareMode(mode: ShareMode): void {
    this.#screen.setMode(mode);
  }

  stopShare(): Promise<void> {
    return this.#screen.stop();
  }

  // ------------------------------------------------------------------------- lifetime

  /** From now on tracks are sent. What is off is not published before it is first turned on. */
  async sendTo(sink: MediaSink): Promise<void> {
    this.#sink = sink;
    const microphone = this.#captures?.microphone.track;
    if (microphone) await sink.publish("microphone", microphone, !this.microphone.on);
    const camera = this.#captures?.camera.track;
    if (camera && this.camera.on) await sink.publish("camera", camera, false);
  }

  /** After a reload: what the room still shows as ours, as muted as it was. */
  async restore(was: { microphone: boolean | null; camera: boolean | null }): Promise<void> {
    this.asked = was.microphone !== null || was.camera !== null;
    if (was.microphone !== null) this.microphone.on = was.microphone;
    if (was.camera) this.camera.on = true;
    await Promise.all([
      was.microphone === null ? null : this.#start("microphone"),
      was.camera ? this.#start("camera") : null,
    ]);
  }

  /** Everything off: lights go out. It can be turned on again. */
  release(): void {
    this.#sink = null;
    this.news = {};
    this.#captures?.microphone.stop();
    this.#captures?.camera.stop();
    this.#screen.release();
    this.microphone.on = false;
    this.camera.on = false;
    this.camera.stream = null;
    this.asked = false;
    this.#troubles.clear();
    this.#voice.stop();
  }

  close(): void {
    this.release();
    this.#captures?.microphone.close();
    this.#captures?.camera.close();
    this.#choice.close();
  }

  // -------------------------------------------------------------------------- internals

  #capture(kind: Kind): Capture {
    if (!this.#captures) {
      const captures = { microphone: new Capture("microphone"), camera: new Capture("camera") };
      for (const capture of Object.values(captures)) {
        capture.on("track", ({ track, label, reason }) =>
          this.#got(capture.kind, track, label, reason),
        );
        capture.on("lost", ({ failure }) => this.#lost(capture.kind, failure));
        capture.on("resume_needed", (needed) => (this.resumeNeeded = needed));
      }
      this.#captures = captures;
    }
    return this.#captures[kind];
  }

  async #turnOn(kind: Kind): Promise<void> {
    const state = this[kind];
    if (this.#waiting.has(kind)) return;
    state.on = true;
    const running = this.#capture(kind).track;
    if (kind === "microphone" && running) {
      running.enabled = true;
      this.#voice.setMuted(false);
      await this.#sink?.unmute("microphone");
      return;
    }
    await this.#start(kind);
  }

  async #start(kind: Kind): Promise<void> {
    this.#waiting.add(kind);
    try {
      await this.#capture(kind).start(this.chosen[kind]);
      this.#troubles.settle(kind);
      void this.#look();
    } catch (error) {
      // Another choice came meanwhile: that one decides.
      if (this.#capture(kind).track === null) {
        this[kind].on = false;
        this.#complain(kind, error);
      }
    } finally {
      this.#waiting.delete(kind);
    }
  }

  async #turnOff(kind: Kind): Promise<void> {
    this[kind].on = false;
    if (kind === "camera") {
      this.camera.stream = null;
      this.#capture("camera").stop();
    } else {
      // It stays captured, so that "you are talking while muted" can be said.
      const track = this.#capture("microphone").track;
      if (track) track.enabled = false;
      this.#voice.setMuted(true);
    }
    await this.#sink?.mute(kind);
  }

  #got(kind: Kind, track: MediaStreamTrack, label: string, reason: Reason): void {
    const { on } = this[kind];
    const former = kind === "camera" ? this.camera.stream?.getTracks()[0] : this.#voice.track;
    // In a call the session stops it, once the others have the new one.
    if (!this.#sink && former !== track) former?.stop();
    if (kind === "camera") {
      if (!on) {
        track.stop();
        return;
      }
      this.camera.stream = new MediaStream([track]);
    } else {
      track.enabled = on;
      this.#voice.listen(track, !on);
    }
    if (reason === "fallback" || reason === "returned") this.news.switched?.(label);
    void this.#sink?.publish(kind, track, !on);
  }

  #lost(kind: Kind, failure: DeviceFailure): void {
    this[kind].on = false;
    if (kind === "camera") this.camera.stream = null;
    else this.#voice.stop();
    this.#complain(kind, failure);
    void this.#sink?.unpublish(kind);
  }

  #complain(kind: Kind, error: unknown): void {
    const trouble = this.#troubles.add(kind, error);
    this.news.trouble?.(trouble);
  }

  async #look(): Promise<void> {
    await this.#choice.look((kind) => this.#captures?.[kind].deviceId ?? "");
  }
}
