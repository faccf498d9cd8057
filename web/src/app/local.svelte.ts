import { Capture, type Reason } from "../media/capture.ts";
import {
  acquireScreen,
  canShareScreen,
  type Device as RawDevice,
  type DeviceKind,
  type DeviceList,
  listDevices,
  watchDevices,
} from "../media/devices.ts";
import { classify, DeviceFailure, type FailureCode } from "../media/failures.ts";
import { meterPosition, playTestSound } from "../media/level.ts";
import { canChooseOutput } from "../media/playback.ts";
import type { ShareMode, Source } from "../media/session.ts";
import { LocalVoice } from "../media/speaking.ts";
import * as m from "../paraglide/messages.js";
import type { Remembered } from "./remembered.svelte.ts";
import type { About, Trouble, TroubleKind } from "./troubles.ts";

export interface Device {
  readonly id: string;
  readonly label: string;
}

/** Where tracks go once there is a call. Before it there is none, and nothing leaves the page. */
export interface MediaSink {
  publish(source: Source, track: MediaStreamTrack, muted: boolean): Promise<void>;
  publishShare(track: MediaStreamTrack, mode: ShareMode): Promise<void>;
  setShareMode(mode: ShareMode): void;
  mute(source: Source): Promise<void>;
  unmute(source: Source): Promise<void>;
  unpublish(source: Source): Promise<void>;
}

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

const TROUBLE: Readonly<Record<FailureCode, TroubleKind>> = {
  denied: "denied",
  system: "system",
  dismissed: "dismissed",
  missing: "missing",
  busy: "busy",
  insecure: "insecure",
  unsupported: "insecure",
  overconstrained: "failed",
  failed: "failed",
};

const NAMES: Readonly<Record<DeviceKind, (of: { number: number }) => string>> = {
  microphone: m.device_unnamed_microphone,
  camera: m.device_unnamed_camera,
  speaker: m.device_unnamed_speaker,
};

/** Our own camera, microphone and screen, before and in the call. */
export class LocalMedia {
  readonly microphone = new Switch();
  readonly camera = new Switch();
  /** True once somebody asked for devices by a click; before it no permission is wanted. */
  asked = $state(false);
  asking = $state(false);
  share = $state.raw<{ readonly mode: ShareMode; readonly sound: boolean } | null>(null);
  troubles = $state.raw<readonly Trouble[]>([]);
  /** 0..1 as a meter draws it. */
  level = $state(0);
  speaking = $state(false);
  /** The system took a device, and gives it back only by a tap. */
  resumeNeeded = $state(false);
  chosen = $state({ microphone: "", camera: "", speaker: "" });

  #devices = $state.raw<DeviceList>({ microphone: [], camera: [], speaker: [] });
  #captures: Record<Kind, Capture> | null = null;
  #waiting = new Set<Kind>();
  #voice: LocalVoice | null = null;
  #voiceTrack: MediaStreamTrack | null = null;
  #sink: MediaSink | null = null;
  #shareTracks: MediaStreamTrack[] = [];
  #unwatch: () => void;
  news: LocalNews = {};

  constructor(private readonly remembered: Remembered) {
    this.chosen = {
      microphone: remembered.microphone_id,
      camera: remembered.camera_id,
      speaker: remembered.speaker_id,
    };
    this.#unwatch = watchDevices((list) => (this.#devices = list));
  }

  get cameras(): readonly Device[] {
    return named("camera", this.#devices.camera);
  }

  get microphones(): readonly Device[] {
    return named("microphone", this.#devices.microphone);
  }

  get speakers(): readonly Device[] {
    return this.speakerChoosable ? named("speaker", this.#devices.speaker) : [];
  }

  get speakerChoosable(): boolean {
    return canChooseOutput();
  }

  get screenShareable(): boolean {
    return canShareScreen();
  }

  // ------------------------------------------------------------------ turning on and off

  /** The one question to the browser: camera and microphone together, by a click. */
  async askForBoth(): Promise<void> {
    this.asking = true;
    // Both were off the last time: whoever presses this now wants them.
    if (!this.remembered.microphone_on && !this.remembered.camera_on) {
      this.remembered.microphone_on = this.remembered.camera_on = true;
    }
    const primer = await this.#prime();
    this.asked = true;
    if (primer !== "refused") {
      await Promise.all([
        this.remembered.microphone_on ? this.#turnOn("microphone") : null,
        this.remembered.camera_on ? this.#turnOn("camera") : null,
      ]);
    }
    if (primer instanceof MediaStream) for (const track of primer.getTracks()) track.stop();
    this.#mergeTroubles();
    this.asking = false;
    await this.#list();
  }

  async setMicrophone(on: boolean): Promise<void> {
    this.asked = true;
    this.remembered.microphone_on = on;
    this.remembered.save();
    if (on) await this.#turnOn("microphone");
    else await this.#turnOff("microphone");
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
    if (on) await this.#turnOn("camera");
    else await this.#turnOff("camera");
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
    else this.#listen(null);
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
    this.chosen[kind] = id;
    this.remembered[`${kind}_id`] = id;
    this.remembered.save();
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
  async startShare(mode: ShareMode): Promise<boolean> {
    const screen = await acquireScreen(mode);
    if (screen === null) return false;
    const sink = this.#sink;
    if (!sink) {
      screen.video.stop();
      screen.audio?.stop();
      return false;
    }
    this.#shareTracks = screen.audio ? [screen.video, screen.audio] : [screen.video];
    this.share = { mode, sound: screen.audio !== null };
    await sink.publishShare(screen.video, mode);
    if (screen.audio) await sink.publish("screen_share_audio", screen.audio, false);
    return true;
  }

  /** Sharp letters or smooth motion, for the share that runs. */
  setShareMode(mode: ShareMode): void {
    if (!this.share) return;
    this.share = { ...this.share, mode };
    this.#sink?.setShareMode(mode);
  }

  async stopShare(): Promise<void> {
    if (!this.share) return;
    this.share = null;
    for (const track of this.#shareTracks) track.stop();
    this.#shareTracks = [];
    await this.#sink?.unpublish("screen_share");
    await this.#sink?.unpublish("screen_share_audio");
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
    for (const track of this.#shareTracks) track.stop();
    this.#shareTracks = [];
    this.share = null;
    this.microphone.on = false;
    this.camera.on = false;
    this.camera.stream = null;
    this.asked = false;
    this.troubles = [];
    this.#listen(null);
  }

  close(): void {
    this.release();
    this.#captures?.microphone.close();
    this.#captures?.camera.close();
    this.#unwatch();
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
      this.#voice?.setMuted(false);
      await this.#sink?.unmute("microphone");
      return;
    }
    await this.#start(kind);
  }

  async #start(kind: Kind): Promise<void> {
    this.#waiting.add(kind);
    try {
      await this.#capture(kind).start(this.chosen[kind]);
      this.troubles = this.troubles.filter(({ about }) => about !== kind && about !== "both");
      void this.#list();
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
      this.#voice?.setMuted(true);
      this.speaking = false;
    }
    await this.#sink?.mute(kind);
  }

  #got(kind: Kind, track: MediaStreamTrack, label: string, reason: Reason): void {
    const { on } = this[kind];
    const former = kind === "camera" ? this.camera.stream?.getTracks()[0] : this.#voiceTrack;
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
      this.#listen(track);
    }
    if (reason === "fallback" || reason === "returned") this.news.switched?.(label);
    void this.#sink?.publish(kind, track, !on);
  }

  #lost(kind: Kind, failure: DeviceFailure): void {
    this[kind].on = false;
    if (kind === "camera") this.camera.stream = null;
    else this.#listen(null);
    this.#complain(kind, failure);
    void this.#sink?.unpublish(kind);
  }

  #listen(track: MediaStreamTrack | null): void {
    if (track === this.#voiceTrack) return;
    this.#voice?.stop();
    this.#voice = null;
    this.#voiceTrack = track;
    this.level = 0;
    this.speaking = false;
    if (track === null) return;
    const voice = new LocalVoice(track, !this.microphone.on);
    voice.on("level", (level) => (this.level = meterPosition(level)));
    voice.on("speaking", (speaking) => {
      this.speaking = speaking;
      this.news.speaking?.(speaking);
    });
    voice.on("talking_while_muted", () => this.news.talkingWhileMuted?.());
    this.#voice = voice;
  }

  /** One question for both devices; the tracks only hold the answer until each is opened. */
  async #prime(): Promise<MediaStream | "refused" | null> {
    const { microphone_on: audio, camera_on: video } = this.remembered;
    const media = navigator.mediaDevices as MediaDevices | undefined;
    if (!audio || !video || !media) return null;
    try {
      return await media.getUserMedia({ audio: true, video: true });
    } catch (error) {
      if (!(error instanceof DOMException) || error.name !== "NotAllowedError") return null;
      // Asking for each again would only repeat the question that was just answered.
      const state = await navigator.permissions
        .query({ name: "camera" as PermissionName })
        .then((permission) => permission.state)
        .catch(() => null);
      const code = classify(error, { secure: isSecureContext, permission: state });
      this.troubles = [{ kind: TROUBLE[code], about: "both" }];
      return "refused";
    }
  }

  #complain(about: About, error: unknown): void {
    const kind = error instanceof DeviceFailure ? TROUBLE[error.code] : "failed";
    const others = this.troubles.filter((trouble) => trouble.about !== about);
    const trouble: Trouble = { kind, about };
    this.troubles = [...others, trouble];
    this.news.trouble?.(trouble);
  }

  /** The same trouble with both is said once. */
  #mergeTroubles(): void {
    const [first, second] = this.troubles;
    if (first && second && first.kind === second.kind) {
      this.troubles = [{ kind: first.kind, about: "both" }];
    }
  }

  async #list(): Promise<void> {
    this.#devices = await listDevices();
    for (const kind of ["microphone", "camera"] as const) {
      const id = this.#captures?.[kind].deviceId;
      if (id) this.chosen[kind] = id;
    }
  }
}

function named(kind: DeviceKind, devices: readonly RawDevice[]): Device[] {
  return devices.flatMap(({ id, label }, index) =>
    id === "" && label === "" ? [] : [{ id, label: label || NAMES[kind]({ number: index + 1 }) }],
  );
}
