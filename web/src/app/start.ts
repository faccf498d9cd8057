/** What the server wrote into the page: enough to show the pre-join page without a connection. */
import type { Here } from "./sfu_access.ts";

export type Locale = "en" | "ko";
export type Role = "host" | "guest";

export interface Start {
  /** The path that moim lives under, without a slash at its end ("" or "/meet"). */
  readonly base: string;
  readonly room: {
    readonly slug: string;
    readonly name: string;
    readonly listed: boolean;
    readonly locked: boolean;
    readonly people: number;
    readonly capacity: number;
  };
  readonly me: {
    readonly identity: string;
    readonly role: Role | null;
    readonly name: string | null;
  };
  readonly csrf: string;
  readonly locale: Locale;
  readonly version: string;
  readonly ice_servers: readonly RTCIceServer[];
  readonly network: {
    /** STUN addresses to compare with each other; see `media/router.ts`. */
    readonly probes: readonly string[];
    /** Whether this server has a relay for who needs one. */
    readonly relay: boolean;
    /** Whether calls may move to a media server, and the UDP port of one that is moim's own. */
    readonly sfu: boolean;
    readonly sfu_udp_port: number | null;
    /** Where this page may go to reach media servers past the proxy. */
    readonly sfu_addresses: readonly string[];
  };
  readonly guest_link: string;
  /** Shown once, right after the room was made. */
  readonly host_link: string | null;
  readonly limits: Limits;
}

/** Counted in graphemes or bytes; a server that names fewer leaves the rest at our own bounds. */
export interface Limits {
  readonly name_graphemes: number;
  readonly text_graphemes: number;
  readonly image_bytes: number;
  readonly file_bytes: number;
}

const LIMITS: Limits = {
  name_graphemes: 40,
  text_graphemes: 4000,
  image_bytes: 10 * 1024 * 1024,
  file_bytes: 256 * 1024 * 1024,
};

/** The limits as given, with ours where one is missing or is no number. */
export function limitsFrom(given: unknown): Limits {
  const record = typeof given === "object" && given !== null ? given : {};
  const pick = (...names: string[]): number | null => {
    for (const name of names) {
      const value = (record as Record<string, unknown>)[name];
      if (typeof value === "number" && value > 0) return value;
    }
    return null;
  };
  return {
    name_graphemes: pick("name_graphemes") ?? LIMITS.name_graphemes,
    text_graphemes: pick("text_graphemes", "message_graphemes") ?? LIMITS.text_graphemes,
    image_bytes: pick("image_bytes") ?? LIMITS.image_bytes,
    file_bytes: pick("file_bytes") ?? LIMITS.file_bytes,
  };
}

/** What a page's ways to the media server depend on. */
export const hereOf = ({ base, network }: Pick<Start, "base" | "network">): Here => ({
  base,
  addresses: network.sfu_addresses,
  secure: location.protocol === "https:",
});

export function readStart(page: Document): Start | null {
  const text = page.getElementById("moim-start")?.textContent;
  if (!text) return null;
  const given = JSON.parse(text) as Start;
  return {
    ...given,
    base: given.base.replace(/\/$/u, ""),
    locale: given.locale === "ko" ? "ko" : "en",
    limits: limitsFrom(given.limits),
  };
}
