import { describe, expect, test } from "vitest";
import { readSaid, safeName } from "../../src/features/files/offers";

describe("what is said about files", () => {
  test("is read as it was meant", () => {
    for (const said of [
      { kind: "offer", id: "a-1", name: "plan.pdf", size: 0 },
      { kind: "want", id: "a-1", from: 7 },
      { kind: "pause", id: "a-1", on: true },
      { kind: "have", id: "a-1" },
      { kind: "decline", id: "a-1" },
      { kind: "cancel", id: "a-1" },
    ]) {
      expect(readSaid(said)).toEqual(said);
    }
  });

  test.each([
    null,
    "offer",
    { kind: "offer", id: "a-1", name: "x" },
    { kind: "offer", id: "a-1", name: "x", size: -1 },
    { kind: "offer", id: "a-1", name: "x", size: 1.5 },
    { kind: "offer", id: "a-1", name: "x", size: 2 ** 50 },
    { kind: "offer", id: "a-1", name: 7, size: 1 },
    { kind: "offer", id: "../x", name: "x", size: 1 },
    { kind: "offer", id: "x".repeat(65), name: "x", size: 1 },
    { kind: "want", id: "a-1", from: "0" },
    { kind: "give", id: "a-1" },
  ])("is nothing when it is %j", (said) => {
    expect(readSaid(said)).toBeNull();
  });
});

describe("the name of a file", () => {
  test.each([
    ["plan.pdf", "plan.pdf"],
    ["\u1112\u1161\u11ab.txt", "한.txt"],
    ["../../etc/passwd", "passwd"],
    ["C:\\Users\\x\\a.exe", "a.exe"],
    ["cod\u202efdp.exe", "codfdp.exe"],
    ["a\u0000b\n.txt", "ab.txt"],
    ["what?.txt", "what_.txt"],
    ["NUL.txt", "_NUL.txt"],
    ["com1", "_com1"],
    ["notes. .", "notes"],
    ["..", "file"],
    ["", "file"],
    ["👩\u200d👧.png", "👩\u200d👧.png"],
  ])("%j is kept as %j", (raw, kept) => {
    expect(safeName(raw)).toBe(kept);
  });

  test("fits every disk, and keeps its ending", () => {
    const name = safeName(`${"가".repeat(300)}.hwp`);
    expect(new TextEncoder().encode(name).length).toBeLessThanOrEqual(255);
    expect(name.endsWith("가.hwp")).toBe(true);
  });
});
