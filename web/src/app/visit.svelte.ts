import type { Component } from "svelte";
import type { ErrorCode } from "../wire/types.gen.ts";
import { post } from "./api.ts";
import type { Call } from "./call.svelte.ts";
import { LocalMedia } from "./local.svelte.ts";
import { loadPart } from "./parts.ts";
import { codeOf, type LocalCode } from "./refusals.ts";
import { Remembered, tabId } from "./remembered.svelte.ts";
import { recallSeat, rememberSeat, type Seat } from "./seat.ts";
import type { Start } from "./start.ts";

/** How a visit can be over; each has a page of its own with one button. */
export type Ending = "left" | "moved" | "removed" | "ended" | ErrorCode | LocalCode;

export type Screen =
  | { readonly kind: "prejoin" }
  | { readonly kind: "joining" }
  /** This browser already sits in the call, in another tab. */
  | { readonly kind: "second_tab" }
  | { readonly kind: "call"; readonly call: Call; readonly view: Component<{ call: Call }> }
  | { readonly kind: "over"; readonly how: Ending };

/** The part of the program that is loaded after the pre-join page stands. */
const loadCall = () => loadPart(() => import("./in_call.ts"));

/** One visit to a room: from the page's load, through pre-join and the call, to its end. */
export class Visit {
  screen = $state.raw<Screen>({ kind: "prejoin" });
  name = $state("");
  /** The room as it was seen last: when the page was made, and at the end of a call. */
  room = $state.raw<Start["room"]>() as Start["room"];
  /** The server does not take this name; everything else stays as it was chosen. */
  nameRefused = $state(false);
  /** A reload in the middle of a call: straight back into the seat, without the pre-join page. */
  returning = $state(false);
  readonly remembered = new Remembered();
  readonly local: LocalMedia;
  #tab: Promise<string>;
  #seat: Seat | null;

  constructor(readonly start: Start) {
    this.room = start.room;
    this.local = new LocalMedia(this.remembered);
    this.#tab = tabId();
    this.#seat = recallSeat(start.room.slug);
    this.name = this.#seat?.name ?? (this.remembered.name || (start.me.name ?? ""));
    if (this.#seat) void this.#return(this.#seat);
  }

  /** Loads what the call needs while a person is still looking at the pre-join page. */
  preload(): void {
    void loadCall().catch(() => undefined);
  }

  async join(name: string, how: { takeOver?: boolean; token?: string } = {}): Promise<void> {
    this.name = name;
    this.remembered.name = name;
    this.remembered.save();
    const identity = this.#seat?.identity ?? this.start.me.identity;
    const token = how.token ?? this.#seat?.token ?? null;
    const takeOver = how.takeOver ?? false;
    // A call that is moved here brings its camera and microphone, unless this tab has chosen its own.
    await this.#sit({ name, identity, token }, takeOver, takeOver && !this.local.asked);
  }

  moveHere(): Promise<void> {
    return this.join(this.name, { takeOver: true });
  }

  /** A second person in the same browser: an identity of its own, silent so that nothing howls. */
  async joinAsAnother(): Promise<void> {
    this.screen = { kind: "joining" };
    try {
      const { base, csrf } = this.start;
      const caller = { base, csrf, token: null };
      const { identity, token } = await post<{ identity: string; token: string }>(
        caller,
        "/api/identities",
      );
      await this.#sit({ name: this.name, identity, token }, false, false);
    } catch (error) {
      this.end(codeOf(error));
    }
  }

  /** Back to the pre-join page, with everything as it was chosen. */
  again(): void {
    this.screen = { kind: "prejoin" };
  }

  end(how: Ending): void {
    const { screen } = this;
    this.screen = { kind: "over", how };
    this.#seat = null;
    rememberSeat(this.start.room.slug, null);
    if (screen.kind === "call") {
      const { room, people } = screen.call;
      const left = how === "ended" ? 0 : people.filter(({ isMe }) => !isMe).length;
      this.room = { ...this.room, name: room.name, locked: room.locked, people: left };
      screen.call.close();
    }
    this.local.release();
  }

  async #return(seat: Seat): Promise<void> {
    this.returning = true;
    await this.#sit(seat, false, true);
    this.returning = false;
  }

  async #sit(seat: Seat, takeOver: boolean, returning: boolean): Promise<void> {
    this.screen = { kind: "joining" };
    this.nameRefused = false;
    try {
      const { Call, CallView } = await loadCall();
      const call = await Call.join({
        visit: this,
        seat,
        tab: await this.#tab,
        takeOver,
        returning,
      });
      this.#seat = seat;
      rememberSeat(this.start.room.slug, seat);
      this.screen = { kind: "call", call, view: CallView };
    } catch (error) {
      const code = codeOf(error);
      if (code === "seat_taken") this.screen = { kind: "second_tab" };
      else if (code === "name_invalid") {
        this.nameRefused = true;
        this.again();
      } else this.end(code);
    }
  }
}
