import type { Component } from "svelte";
import type { Right } from "../wire/types.gen.ts";
import type { Call } from "./call.svelte.ts";
import type { Chord } from "./keyboard.ts";

/** A drawing of 24 by 24 from the icon set. */
export type Icon = Component<{ size?: number | string; "aria-hidden"?: "true" }>;

export interface Shortcut {
  readonly chords: readonly Chord[];
  readonly label: () => string;
  readonly press: (call: Call) => void;
  /** For a key that is held. */
  readonly release?: (call: Call) => void;
}

/** An entry of the toolbar, or of the menu "more" where the window is narrow. */
export interface ToolEntry {
  readonly order: number;
  /** `bar`: always in the bar; `menu`: always in the menu; `wide`: in the bar where there is room. */
  readonly place: "bar" | "wide" | "menu";
  readonly icon: Icon;
  readonly iconWhenOn?: Icon;
  readonly label: (call: Call) => string;
  readonly testid: string;
  readonly press: (call: Call) => void;
  /** Given for what is on or off (`aria-pressed`). */
  readonly pressed?: (call: Call) => boolean;
  readonly badge?: (call: Call) => number;
  /** The right without which it says why instead. */
  readonly needs?: Right;
  readonly available?: (call: Call) => boolean;
  /** Hangs on the button: a choice that belongs to it. */
  readonly menu?: Component<{ call: Call }>;
}

export interface PanelEntry {
  readonly title: (call: Call) => string;
  readonly load: () => Promise<{ readonly default: Component<{ call: Call }> }>;
}

/** Something on its way that ends with the page: the browser asks before it is closed. */
export interface Unfinished {
  /** Asked before one leaves, where leaving ends it too and nothing is kept. */
  readonly leaving?: { readonly title: string; readonly text: string };
}

/** A feature registers itself with this; `features/index.ts` is the only place that lists them. */
export interface Feature {
  readonly id: string;
  readonly tool?: ToolEntry;
  readonly panel?: PanelEntry;
  readonly shortcuts?: readonly Shortcut[];
  /** Runs as long as the call; what it returns ends it. */
  readonly start?: (call: Call) => () => void;
  /** Unread things, for the title of the page. */
  readonly unread?: (call: Call) => number;
  readonly unfinished?: (call: Call) => Unfinished | null;
  /** Drawn over the call: a dialog, a pill. */
  readonly overlay?: Component<{ call: Call }>;
}
