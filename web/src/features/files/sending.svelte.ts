import type { Call } from "../../app/call.svelte.ts";
import type { ByteSink } from "../../media/session.ts";
import { type Said, TOPIC } from "./offers.ts";
import { Pace, TELL_EVERY_MS } from "./pace.ts";
import { blocksOf } from "./reading.ts";
import { digestOf } from "./vault.ts";

/** `offered`: not answered yet, or the connection was lost; it is offered again by itself. */
export type LegState = "offered" | "sending" | "done" | "declined" | "cancelled";

const AGAIN_MS = 1_000;
/** So often it is looked whether to pause. */
const STEP_BYTES = 512 * 1024;

/** The way of a file to one of those present. */
export class Leg {
  state = $state<LegState>("offered");
  sent = $state(0);
  pausedThere = $state(false);
  readonly pace = new Pace();
  sink: ByteSink | null = null;

  constructor(
    readonly to: string,
    readonly toName: string,
  ) {}

  get isOver(): boolean {
    return this.state === "done" || this.state === "declined" || this.state === "cancelled";
  }
}

/** A file on its way straight to those who were present when it was given. */
export class Sending {
  legs = $state.raw<readonly Leg[]>([]);
  paused = $state(false);
  cancelled = $state(false);
  /** The file cannot be read any more: it was moved, changed or deleted. */
  unreadable = $state(false);
  #digest: Promise<string> | null = null;
  #abort = new AbortController();
  #wakes = new Set<() => void>();

  constructor(
    private readonly call: Call,
    readonly id: string,
    readonly file: File,
    readonly name: string,
    to: readonly { readonly identity: string; readonly name: string }[],
  ) {
    this.legs = to.map(({ identity, name }) => new Leg(identity, name));
    for (const leg of this.legs) this.offer(leg);
  }

  get size(): number {
    return this.file.size;
  }

  get isOver(): boolean {
    return this.cancelled || this.unreadable || this.legs.every((leg) => leg.isOver);
  }

  leg(to: string): Leg | undefined {
    return this.legs.find((leg) => leg.to === to);
  }

  offer(leg: Leg): void {
    if (leg.isOver || this.isOver) return;
    this.#say(leg, { kind: "offer", id: this.id, name: this.name, size: this.size });
    if (this.paused) this.#say(leg, { kind: "pause", id: this.id, on: true });
  }

  heard(leg: Leg, said: Said): void {
    if (leg.isOver) return;
    switch (said.kind) {
      case "want":
        if (said.from <= this.size) void this.#send(leg, said.from);
        break;
      case "pause":
        leg.pausedThere = said.on;
        leg.pace.rest();
        this.#wake();
        break;
      case "have":
        leg.sent = this.size;
        leg.state = "done";
        leg.sink?.abort();
        this.#wake();
        break;
      case "decline":
        leg.state = "declined";
        break;
      case "cancel":
        leg.state = "cancelled";
        leg.sink?.abort();
        this.#wake();
        break;
      case "offer":
        break;
    }
  }

  pause(on: boolean): void {
    this.paused = on;
    for (const leg of this.legs) {
      leg.pace.rest();
      if (!leg.isOver) this.#say(leg, { kind: "pause", id: this.id, on });
    }
    this.#wake();
  }

  cancel(): void {
    if (this.cancelled) return;
    this.cancelled = true;
    for (const leg of this.legs) {
      if (!leg.isOver) {
        this.#say(leg, { kind: "cancel", id: this.id });
        leg.state = "cancelled";
      }
    }
    this.close();
  }

  /** Somebody left: nobody waits for them. */
  left(to: string): void {
    const leg = this.leg(to);
    if (!leg || leg.isOver) return;
    leg.sink?.abort();
    leg.state = "cancelled";
    this.#wake();
  }

  close(): void {
    this.#abort.abort();
    for (const leg of this.legs) leg.sink?.abort();
    this.#wake();
  }

  async #send(leg: Leg, from: number): Promise<void> {
    leg.sink?.abort();
    let sink: ByteSink;
    try {
      sink = this.call.session.data.openStream(TOPIC, leg.to, { id: this.id, from });
    } catch {
      return; // Gone this moment: it is offered again when they are back.
    }
    leg.sink = sink;
    leg.state = "sending";
    try {
      await this.#pour(leg, sink, from);
      leg.sent = this.size;
      leg.state = "done";
    } catch (error) {
      if (leg.sink !== sink) return;
      if (error instanceof DOMException) this.#unreadable();
      else if (!leg.isOver) this.#again(leg);
    } finally {
      leg.pace.rest();
      if (leg.sink === sink) leg.sink = null;
      this.#wake();
    }
  }

  /** The stream broke. With its connection gone too, `Files` offers it when there is a new one. */
  #again(leg: Leg): void {
    leg.state = "offered";
    setTimeout(() => {
      if (leg.state === "offered") this.offer(leg);
    }, AGAIN_MS);
  }

  async #pour(leg: Leg, sink: ByteSink, from: number): Promise<void> {
    // Once for everybody, beside the sending: both read what the system has in memory anyway.
    this.#digest ??= digestOf(this.file, this.#abort.signal);
    this.#digest.catch(() => undefined);
    let told_ms = 0;
    for await (const block of blocksOf(this.file, from)) {
      for (let at = 0; at < block.length; at += STEP_BYTES) {
        await this.#whilePaused(leg, sink);
        await sink.write(block.subarray(at, at + STEP_BYTES));
        const now_ms = Date.now();
        if (now_ms - told_ms < TELL_EVERY_MS) continue;
        told_ms = now_ms;
        leg.sent = from + sink.taken;
        leg.pace.note(leg.sent, now_ms);
      }
    }
    await sink.finish({ sha256: await this.#digest });
  }

  async #whilePaused(leg: Leg, sink: ByteSink): Promise<void> {
    while ((this.paused || leg.pausedThere) && sink.open) {
      await new Promise<void>((resolve) => this.#wakes.add(resolve));
    }
  }

  #wake(): void {
    const wakes = [...this.#wakes];
    this.#wakes.clear();
    for (const wake of wakes) wake();
  }

  #unreadable(): void {
    this.unreadable = true;
    for (const leg of this.legs) {
      if (!leg.isOver) this.#say(leg, { kind: "cancel", id: this.id });
    }
    this.close();
  }

  #say(leg: Leg, said: Said): void {
    this.call.session.data.send(TOPIC, said, [leg.to]);
  }
}
