import type { Access } from "../media/sfu_line.ts";

/** The way to the SFU for this browser, as the server tells it. */
export interface SfuAccess {
  /** A path is of moim's own address. */
  readonly url: string;
  readonly token: string;
  /** Where the same path is reached past the proxy, if anywhere. */
  readonly address?: string | null;
}

/** What a page knows of itself. */
export interface Here {
  /** The path that moim lives under, without a slash at its end. */
  readonly base: string;
  /** The addresses of servers that the page's policy names: it may go to no other one. */
  readonly addresses: readonly string[];
  readonly secure: boolean;
}

/**
 * The ways in from here, the server's own address first. Where the page may not go there, since the
 * server came after the page, or since it speaks no HTTPS and the page does, the proxy's way is left.
 */
export function waysIn(here: Here, { url, token, address }: SfuAccess): Access {
  const within = !url.startsWith("/") || url.startsWith(`${here.base}/`);
  // An app around us may have us below a path that moim is not told of.
  const path = within ? url : here.base + url;
  const own = address ?? "";
  const passes = !here.secure || own.startsWith("https:");
  return { urls: here.addresses.includes(own) && passes ? [own + path, path] : [path], token };
}
