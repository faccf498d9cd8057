import { describe, expect, test } from "vitest";
import { loudness, meterPosition } from "../../src/media/level";
import { SpeakingDetector } from "../../src/media/speaking";

/** Feeds one level for a time, every 66 ms as the meter does; returns what was shown, in turn. */
function listener() {
  const detector = new SpeakingDetector();
  let now_ms = 0;
  return (level: number, for_ms: number): boolean[] => {
    const shown: boolean[] = [];
    for (const end_ms = now_ms + for_ms; now_ms < end_ms; now_ms += 66) {
      shown.push(detector.feed(level, now_ms));
    }
    return shown;
  };
}

describe("speaking", () => {
  test("a voice lights the ring within a fifth of a second", () => {
    const hear = listener();
    expect(hear(0.001, 1_000)).not.toContain(true);
    expect(hear(0.1, 200).at(-1)).toBe(true);
  });

  test("a click of the keyboard does not", () => {
    const hear = listener();
    hear(0.001, 1_000);
    for (let click = 0; click < 20; click += 1) {
      expect(hear(0.3, 60)).not.toContain(true);
      expect(hear(0.001, 300)).not.toContain(true);
    }
  });

  test("a pause for breath keeps it lit, the end of the talk does not", () => {
    const hear = listener();
    hear(0.001, 500);
    hear(0.1, 1_000);
    expect(hear(0.001, 500)).not.toContain(false);
    expect(hear(0.1, 300)).not.toContain(false);
    expect(hear(0.001, 1_000).at(-1)).toBe(false);
  });

  test("a fan is not a voice, and a voice over a fan is one", () => {
    const hear = listener();
    hear(0.001, 200);
    hear(0.03, 30_000);
    expect(hear(0.03, 1_000)).not.toContain(true);
    expect(hear(0.2, 300).at(-1)).toBe(true);
    expect(hear(0.03, 1_500).at(-1)).toBe(false);
  });
});

describe("level", () => {
  test("loudness is the root mean square", () => {
    expect(loudness(new Float32Array([0.5, -0.5, 0.5, -0.5]))).toBeCloseTo(0.5);
    expect(loudness(new Float32Array())).toBe(0);
  });

  test("a meter runs from -60 dB to 0 dB", () => {
    expect(meterPosition(0)).toBe(0);
    expect(meterPosition(0.001)).toBeCloseTo(0);
    expect(meterPosition(0.0316)).toBeCloseTo(0.5, 2);
    expect(meterPosition(1)).toBe(1);
  });
});
