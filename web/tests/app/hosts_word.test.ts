import { expect, test } from "vitest";
import { obeyHosts } from "../../src/app/hosts_word.ts";
import { listedIn } from "../../src/app/listed.ts";
import type { Participant, Right, Room, Track } from "../../src/wire/types.gen.ts";

const ME = "u_me";

const track = (source: Track["source"], given: Partial<Track> = {}): Track => ({
  source,
  muted: false,
  by: null,
  mode: null,
  ...given,
});

const seat = (identity: string, tracks: readonly Track[], planes = ["mesh"]): Participant =>
  ({
    identity,
    sid: `PA_${identity}`,
    livekit: null,
    tracks: Object.fromEntries(tracks.map((one) => [one.source, one])),
    planes,
  }) as unknown as Participant;

const room = (participants: readonly Participant[], denied: readonly Right[] = []): Room =>
  ({ participants, denied, exceptions: {}, roles: {} }) as unknown as Room;

/** What was done to our devices. */
function obeyed(before: Room, after: Room): readonly string[] {
  const done: string[] = [];
  const does =
    (what: string) =>
    (...given: readonly unknown[]) => {
      done.push([what, ...given].join(" "));
      return Promise.resolve();
    };
  obeyHosts(before, after, ME, {
    setMicrophoneForNow: does("microphone"),
    setCameraForNow: does("camera"),
    stopShare: does("stop share"),
    giveUp: does("give up"),
  });
  return done;
}

const mine = (...tracks: readonly Track[]): Room => room([seat(ME, tracks)]);

test.each([
  [track("microphone"), ["microphone false"]],
  [track("camera"), ["camera false"]],
  [track("screen_share"), ["stop share"]],
  [track("screen_share_audio"), ["stop share"]],
] as const)("what a host mutes is off here at once: %j", (on, done) => {
  const muted = { ...on, muted: true, by: "u_host" };
  expect(obeyed(mine(on), mine(muted))).toEqual(done);
  // Only once: an own unmute may be on its way.
  expect(obeyed(mine(muted), mine(muted))).toEqual([]);
});

test("one's own mute, and a host's mute of somebody else, ask for nothing", () => {
  const on = track("microphone");
  expect(obeyed(mine(on), mine({ ...on, muted: true }))).toEqual([]);
  const other = (one: Track): Room => room([seat("u_jun", [one])]);
  expect(obeyed(other(on), other({ ...on, muted: true, by: "u_host" }))).toEqual([]);
});

test("who loses a right lets the device go, and starts nothing when it is given back", () => {
  const before = mine();
  const after = room([seat(ME, [])], ["microphone", "camera", "share", "chat"]);
  expect(obeyed(before, after)).toEqual(["give up microphone", "give up camera", "stop share"]);
  expect(obeyed(after, before)).toEqual([]);
});

test("the media connect to the others who take part, and play what they have not muted", () => {
  const sora = seat("u_sora", [track("microphone", { muted: true }), track("camera")]);
  const reads = seat("u_bot", [], []);
  expect(listedIn(room([seat(ME, []), sora, reads], ["chat"]), ME)).toEqual([
    { identity: "u_sora", sid: "PA_u_sora", livekit: null, data: false, allowed: ["camera"] },
  ]);
});
