import { expect, test } from "vitest";
import { amount, duration } from "../../src/features/files/amounts";
import { Pace } from "../../src/features/files/pace";

test("speed and time left are those of the last seconds", () => {
  const pace = new Pace();
  expect(pace.bytesPerSecond(0)).toBeNull();
  for (let second = 0; second <= 10; second += 1) pace.note(second * 100, second * 1000);
  expect(pace.bytesPerSecond(10_000)).toBe(100);
  expect(pace.secondsLeft(500, 10_000)).toBe(5);
  for (let second = 11; second <= 20; second += 1) {
    pace.note(1000 + (second - 10) * 1000, second * 1000);
  }
  expect(pace.bytesPerSecond(20_000)).toBe(1000);
});

test("what stands still slows down, and says no time", () => {
  const pace = new Pace();
  pace.note(0, 0);
  pace.note(1000, 1000);
  expect(pace.bytesPerSecond(10_000)).toBe(100);
  pace.rest();
  expect(pace.secondsLeft(500, 10_000)).toBeNull();
});

test("amounts and times are said in one's language", () => {
  expect(amount(0, "en")).toBe("0 bytes");
  expect(amount(1_234_567, "en")).toBe("1.2 MB");
  expect(amount(999_999, "en")).toBe("1 MB");
  expect(amount(268_435_456, "ko")).toBe("268MB");
  expect(duration(0.2, "en")).toBe("1 sec");
  expect(duration(61, "en")).toBe("2 min");
  expect(duration(45, "ko")).toBe("45초");
});
