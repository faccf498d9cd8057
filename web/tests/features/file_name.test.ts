import { expect, test } from "vitest";
import { fileName } from "../../src/features/recording/file_name.ts";

test("a recording is called after the room and the clock on the wall", () => {
  const began = new Date(2026, 10, 27, 9, 5);
  expect(fileName("금요일: 차 모임?", "video/webm;codecs=vp8,opus", began)).toBe(
    "금요일  차 모임 2026-11-27 09.05.webm",
  );
  expect(fileName("??", "video/mp4", began)).toBe("2026-11-27 09.05.mp4");
});
