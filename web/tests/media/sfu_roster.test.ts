import { expect, test } from "vitest";
import { Roster } from "../../src/media/sfu_roster";

test("who came with a LiveKit client has one name on the SFU and another in the room", () => {
  const roster = new Roster();
  expect(roster.put({ identity: "lk-1", sid: "PA_1", livekit: "robot" })).toBe(true);
  expect(roster.put({ identity: "jun", sid: "PA_2", livekit: null })).toBe(true);
  expect([roster.nameOf("robot"), roster.nameOf("jun")]).toEqual(["lk-1", "jun"]);
  expect([roster.calledOf("lk-1"), roster.calledOf("jun")]).toEqual(["robot", "jun"]);
  expect([roster.isVisitor("lk-1"), roster.isVisitor("jun")]).toEqual([true, false]);
});

test("who is taken from the list is known by no name any more", () => {
  const roster = new Roster();
  roster.put({ identity: "lk-1", sid: "PA_1", livekit: "robot" });
  expect(roster.put({ identity: "lk-1", sid: "PA_3", livekit: "robot" })).toBe(false);
  expect(roster.sidOf("lk-1")).toBe("PA_3");
  roster.remove("lk-1");
  expect([roster.has("lk-1"), roster.identities()]).toEqual([false, []]);
  expect([roster.nameOf("robot"), roster.sidOf("lk-1")]).toEqual(["robot", ""]);
});
