import * as m from "../../paraglide/messages.js";
import type { SendReaction } from "../../wire/types.gen.ts";

export type Sign = SendReaction["sign"];

export interface SignEntry {
  readonly sign: Sign;
  readonly picture: string;
  readonly label: () => string;
}

/** In the order in which they are offered. The wire has their names, not their pictures. */
export const SIGNS: readonly SignEntry[] = [
  { sign: "thumbs_up", picture: "👍", label: m.sign_thumbs_up },
  { sign: "clap", picture: "👏", label: m.sign_clap },
  { sign: "heart", picture: "❤️", label: m.sign_heart },
  { sign: "laugh", picture: "😂", label: m.sign_laugh },
  { sign: "surprise", picture: "😮", label: m.sign_surprise },
  { sign: "celebrate", picture: "🎉", label: m.sign_celebrate },
];

export const signOf = (name: unknown): SignEntry | undefined =>
  SIGNS.find(({ sign }) => sign === name);
