import { describe, expect, it } from "vitest";
import { waysIn, type Here } from "../../src/app/sfu_access";

const OWN = "https://moim-1.example.org";
const PLAIN = "http://10.0.0.5:3001";
const PATH = "/livekit/n/moim-1";
const here: Here = { base: "", addresses: [OWN, PLAIN], secure: true };
const urls = (from: Partial<Here>, address?: string | null, url = PATH): readonly string[] =>
  waysIn({ ...here, ...from }, { url, token: "t", ...(address === undefined ? {} : { address }) })
    .urls;

describe("the ways to the SFU from a page", () => {
  it("lead to the server's own address first, and to the proxy's path", () => {
    expect(urls({}, OWN)).toEqual([OWN + PATH, PATH]);
  });

  it("lead by the proxy where there is no other address", () => {
    expect(urls({}, null)).toEqual([PATH]);
    expect(urls({}, undefined)).toEqual([PATH]);
  });

  it("never lead to what the page's policy does not name", () => {
    expect(urls({ addresses: [] }, OWN)).toEqual([PATH]);
    expect(urls({}, "https://moim-2.example.org")).toEqual([PATH]);
  });

  it("never lead from a page over HTTPS to a plain address", () => {
    expect(urls({}, PLAIN)).toEqual([PATH]);
    expect(urls({ secure: false }, PLAIN)).toEqual([PLAIN + PATH, PATH]);
  });

  it("have moim's path once, also where an app around it has it below one", () => {
    expect(urls({ base: "/meet" }, OWN)).toEqual([`${OWN}/meet${PATH}`, `/meet${PATH}`]);
    expect(urls({ base: "/meet" }, OWN, `/meet${PATH}`)).toEqual([
      `${OWN}/meet${PATH}`,
      `/meet${PATH}`,
    ]);
  });

  it("are one to somebody else's server", () => {
    expect(urls({}, null, "wss://livekit.example.org")).toEqual(["wss://livekit.example.org"]);
  });
});
