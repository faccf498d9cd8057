import type { Call } from "../../app/call.svelte.ts";
import * as m from "../../paraglide/messages.js";
import type { MiniApp } from "../../wire/types.gen.ts";
import { mayUse } from "./running.svelte.ts";

/** What moim brings. */
export const SHIPPED = [
  { app: "poll", name: m.app_poll },
  { app: "whiteboard", name: m.app_whiteboard },
] as const;

/** The largest file that is an app. */
const FILE_MOST_BYTES = 256 * 1024;

export interface Addable {
  readonly app: string;
  readonly name: string;
}

/** Which mini-app is open in the panel, and which ones there are. */
export class Apps {
  open = $state<string | null>(null);

  constructor(private readonly call: Call) {}

  get all(): readonly MiniApp[] {
    return this.call.room.slices.app.apps;
  }

  /** The open one, as long as it is in the room and one may use it. */
  get current(): MiniApp | null {
    const found = this.all.find(({ app }) => app === this.open);
    return found && this.mayUse(found) ? found : null;
  }

  close(): void {
    this.open = null;
  }

  mayUse(app: MiniApp): boolean {
    return mayUse(this.call, app, this.call.seat.identity);
  }

  /** What a host could add: moim's own, and HTML files of the room. */
  get addable(): readonly Addable[] {
    const own = SHIPPED.map(({ app, name }) => ({ app, name: name() }));
    const files = this.call.room.slices.file.files
      .map(({ file }) => file)
      .filter(({ file_name, bytes }) => /\.html$/iu.test(file_name) && bytes <= FILE_MOST_BYTES)
      .map(({ file_id, file_name }) => ({
        app: file_id,
        name: file_name.replace(/\.html$/iu, "").slice(0, 40),
      }));
    const there = new Set(this.all.map(({ app }) => app));
    return [...own, ...files].filter(({ app }) => !there.has(app));
  }

  /** In the reader's language where moim brings it, else as the host named it. */
  nameOf({ app, name }: Addable): string {
    return SHIPPED.find((one) => one.app === app)?.name() ?? name;
  }
}
