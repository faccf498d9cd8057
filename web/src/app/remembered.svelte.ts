import { read, readJson, write } from "./store.ts";

const KEY = "moim.remembered";

/** What a person chose before and finds again: in this browser only, never sent anywhere. */
export class Remembered {
  name = $state("");
  microphone_id = $state("");
  camera_id = $state("");
  speaker_id = $state("");
  microphone_on = $state(true);
  camera_on = $state(true);
  single_keys = $state(true);
  sounds = $state(true);
  /** Others may see that one is writing. */
  typing = $state(true);
  show_self = $state(true);
  /** Hear everybody, see shared screens alone. */
  low_data = $state(false);
  layout = $state<"grid" | "speaker">("grid");

  constructor() {
    const stored = readJson("localStorage", KEY);
    if (typeof stored !== "object" || stored === null) return;
    const known = stored as Record<string, unknown>;
    for (const key of ["name", "microphone_id", "camera_id", "speaker_id"] as const) {
      const value = known[key];
      if (typeof value === "string") this[key] = value;
    }
    for (const key of [
      "microphone_on",
      "camera_on",
      "single_keys",
      "sounds",
      "typing",
      "show_self",
      "low_data",
    ] as const) {
      const value = known[key];
      if (typeof value === "boolean") this[key] = value;
    }
    if (known["layout"] === "speaker") this.layout = "speaker";
  }

  save(): void {
    write(
      "localStorage",
      KEY,
      JSON.stringify({
        name: this.name,
        microphone_id: this.microphone_id,
        camera_id: this.camera_id,
        speaker_id: this.speaker_id,
        microphone_on: this.microphone_on,
        camera_on: this.camera_on,
        single_keys: this.single_keys,
        sounds: this.sounds,
        typing: this.typing,
        show_self: this.show_self,
        low_data: this.low_data,
        layout: this.layout,
      }),
    );
  }
}

/**
 * This tab's own id. A duplicated tab copies the session storage with it, so a live tab keeps its
 * id under a lock: who cannot take the lock is a copy and gets an id of its own.
 */
export async function tabId(): Promise<string> {
  const key = "moim.tab";
  const stored = read("sessionStorage", key);
  if (stored !== null && (await holds(stored))) return stored;
  const fresh = crypto.getRandomValues(new Uint32Array(4)).join("-");
  write("sessionStorage", key, fresh);
  await holds(fresh);
  return fresh;
}

function holds(id: string): Promise<boolean> {
  // Locks need a secure page; without them a duplicated tab takes over silently.
  if (!("locks" in navigator)) return Promise.resolve(true);
  return new Promise((resolve) => {
    void navigator.locks
      .request(`moim.tab.${id}`, { ifAvailable: true }, (lock) => {
        resolve(lock !== null);
        // Held until the page is gone.
        return lock === null ? undefined : new Promise<never>(() => undefined);
      })
      .catch(() => resolve(true));
  });
}
