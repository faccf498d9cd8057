/** The way to the SFU for this browser, as the server tells it. */
export interface SfuAccess {
  readonly url: string;
  readonly token: string;
}

/** The same from here: an app around moim may have it below a path that moim is not told of. */
export function fromHere(base: string, { url, token }: SfuAccess): SfuAccess {
  const within = !url.startsWith("/") || url.startsWith(`${base}/`);
  return { url: within ? url : base + url, token };
}
