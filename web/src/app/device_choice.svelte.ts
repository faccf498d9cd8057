import {
  type Device as RawDevice,
  type DeviceKind,
  type DeviceList,
  listDevices,
  watchDevices,
} from "../media/devices.ts";
import { canChooseOutput } from "../media/playback.ts";
import * as m from "../paraglide/messages.js";
import type { Remembered } from "./remembered.svelte.ts";

export interface Device {
  readonly id: string;
  readonly label: string;
}

const NAMES: Readonly<Record<DeviceKind, (of: { number: number }) => string>> = {
  microphone: m.device_unnamed_microphone,
  camera: m.device_unnamed_camera,
  speaker: m.device_unnamed_speaker,
};

/** Which devices there are, as they stand in a menu, and which of them are chosen. */
export class DeviceChoice {
  chosen = $state({ microphone: "", camera: "", speaker: "" });

  #there = $state.raw<DeviceList>({ microphone: [], camera: [], speaker: [] });
  #unwatch: () => void;

  constructor(private readonly remembered: Remembered) {
    this.chosen = {
      microphone: remembered.microphone_id,
      camera: remembered.camera_id,
      speaker: remembered.speaker_id,
    };
    this.#unwatch = watchDevices((list) => (this.#there = list));
  }

  get cameras(): readonly Device[] {
    return named("camera", this.#there.camera);
  }

  get microphones(): readonly Device[] {
    return named("microphone", this.#there.microphone);
  }

  get speakers(): readonly Device[] {
    return canChooseOutput() ? named("speaker", this.#there.speaker) : [];
  }

  choose(kind: DeviceKind, id: string): void {
    this.chosen[kind] = id;
    this.remembered[`${kind}_id`] = id;
    this.remembered.save();
  }

  /** Lists them anew; what is `used` by then counts as chosen, and "" is nothing. */
  async look(used: (kind: "microphone" | "camera") => string): Promise<void> {
    this.#there = await listDevices();
    for (const kind of ["microphone", "camera"] as const) {
      const id = used(kind);
      if (id) this.chosen[kind] = id;
    }
  }

  close(): void {
    this.#unwatch();
  }
}

function named(kind: DeviceKind, devices: readonly RawDevice[]): Device[] {
  return devices.flatMap(({ id, label }, index) =>
    id === "" && label === "" ? [] : [{ id, label: label || NAMES[kind]({ number: index + 1 }) }],
  );
}
