import { describe, expect, test } from "vitest";
import type { CallPicture, Flow } from "../../src/media/quality";
import { Strain } from "../../src/media/strain";

const CAMERA: Flow = {
  direction: "out",
  source: "camera",
  bitrate_bps: 900_000,
  loss: 0,
  frames: 1,
  framerate: 20,
  width: 640,
  height: 360,
  frozen_s: 0,
  jitter_ms: null,
  codec: "VP8",
  target_bps: 1_400_000,
  limited_by: null,
};
const BUSY: Flow = { ...CAMERA, limited_by: "cpu" };
const THIN: Flow = {
  ...CAMERA,
  limited_by: "bandwidth",
  bitrate_bps: 90_000,
  target_bps: 110_000,
};
/**
 * A small picture without much to see in it, as Chromium told of it on a line of 3 Mbit/s: after a
 * bad beginning it goes on saying that it has adapted to the line.
 */
const SMALL: Flow = {
  ...CAMERA,
  width: 320,
  height: 180,
  framerate: 9,
  bitrate_bps: 80_000,
  target_bps: 1_250_000,
  limited_by: "bandwidth",
};

/** A call that is looked at once a second. */
class Calls {
  readonly strain = new Strain();
  now_s = 0;

  /** So many seconds with these flows; at which seconds of them something changed, and to what. */
  pass(seconds: number, ...flows: Flow[]): string[] {
    return this.told(seconds, () => 1_500_000, ...flows);
  }

  /** The same; `most_bps` is what the encoder is told to take, with so many steps down. */
  told(seconds: number, most_bps: (ease: number) => number, ...flows: Flow[]): string[] {
    const changes: string[] = [];
    for (let n = 1; n <= seconds; n += 1) {
      this.now_s += 1;
      const picture = {
        at_ms: this.now_s * 1000,
        people: [{ flows, camera_most_bps: most_bps(this.strain.ease) }],
      };
      if (this.strain.look(picture as unknown as CallPicture)) {
        changes.push(`${String(n)}: ${String(this.strain.ease)} ${this.strain.reason ?? "-"}`);
      }
    }
    return changes;
  }
}

describe("strain", () => {
  test("a busy processor costs one step after five seconds, and the next after five more", () => {
    expect(new Calls().pass(30, BUSY)).toEqual(["6: 1 cpu", "11: 2 cpu"]);
  });

  test("a moment of it costs nothing", () => {
    const calls = new Calls();
    for (let n = 0; n < 10; n += 1)
      expect(calls.pass(4, BUSY).concat(calls.pass(1, CAMERA))).toEqual([]);
  });

  test("a line that carries most of the picture is no trouble, and one that carries little is", () => {
    expect(new Calls().pass(30, { ...CAMERA, limited_by: "bandwidth" })).toEqual([]);
    expect(new Calls().pass(8, THIN)).toEqual(["6: 1 link"]);
    const lossy = { ...CAMERA, limited_by: "bandwidth", loss: 0.1 };
    expect(new Calls().pass(8, lossy)).toEqual(["6: 1 link"]);
  });

  test("a small picture that needs little is no slow line, whatever its encoder once adapted to", () => {
    expect(new Calls().pass(60, SMALL)).toEqual([]);
  });

  test("a line that is well again is found out though a small picture asks little of it", () => {
    // As Chromium told of it: 120 kbit/s of line, and then without a bound again.
    const slow = { ...THIN, bitrate_bps: 35_000, target_bps: 30_000 };
    const calls = new Calls();
    expect(calls.pass(7, slow)).toEqual(["6: 1 link"]);
    // Its estimate stays at three times what is sent, and the encoder at what it adapted to.
    const well = { ...slow, bitrate_bps: 55_000, target_bps: 119_000 };
    expect(calls.pass(16, well)).toEqual(["16: 0 -"]);
  });

  test("a picture that is not sent, since nobody looks at it, says nothing of the line", () => {
    const asleep = { ...THIN, bitrate_bps: 0, target_bps: 0 };
    expect(new Calls().pass(30, asleep)).toEqual([]);
  });

  test("a bound that we set ourselves is no slow line: what it costs does not keep itself up", () => {
    // A full mesh beside a shared screen: so much for each, and of that a part after a step down.
    const bounds = [120_000, 60_000, 60_000];
    const most_bps = (ease: number): number => bounds[ease] ?? 0;
    const bounded = (ease: number): Flow => ({
      ...THIN,
      bitrate_bps: most_bps(ease),
      target_bps: most_bps(ease),
    });
    expect(new Calls().told(60, most_bps, bounded(0))).toEqual([]);
    const calls = new Calls();
    expect(calls.told(11, most_bps, { ...THIN, bitrate_bps: 28_000, target_bps: 30_000 })).toEqual([
      "6: 1 link",
      "11: 2 link",
    ]);
    expect(calls.told(16, most_bps, bounded(2))).toEqual(["16: 1 link"]);
    expect(calls.told(16, most_bps, bounded(1))).toEqual(["15: 0 -"]);
  });

  test("a browser that does not say what it gives the encoder is judged by what comes out", () => {
    expect(new Calls().pass(8, { ...THIN, target_bps: null })).toEqual(["6: 1 link"]);
    expect(new Calls().pass(8, { ...CAMERA, target_bps: null, limited_by: "bandwidth" })).toEqual(
      [],
    );
  });

  test("a camera in layers is one picture: a thin layer beside a thick one is no trouble", () => {
    const layers = [THIN, { ...CAMERA, limited_by: "bandwidth" }];
    expect(new Calls().pass(30, ...layers)).toEqual([]);
  });

  test("it comes back step by step, after fifteen good seconds each", () => {
    const calls = new Calls();
    calls.pass(11, BUSY);
    expect(calls.pass(60, CAMERA)).toEqual(["16: 1 cpu", "31: 0 -"]);
  });

  test("what does not hold is tried again later each time, and four minutes later at most", () => {
    const calls = new Calls();
    calls.pass(6, BUSY);
    const waits: number[] = [];
    for (let n = 0; n < 7; n += 1) {
      let waited_s = 0;
      while (calls.pass(1, CAMERA).length === 0) waited_s += 1;
      waits.push(waited_s);
      calls.pass(6, BUSY);
    }
    expect(waits).toEqual([15, 30, 60, 120, 240, 240, 240]);
  });

  test("what held for half a minute is tried as soon as the first time", () => {
    const calls = new Calls();
    calls.pass(6, BUSY);
    calls.pass(60, CAMERA);
    calls.pass(6, BUSY);
    expect(calls.pass(20, CAMERA)).toEqual(["16: 0 -"]);
  });

  test("who turns the camera off strains nothing, and begins anew with it", () => {
    const calls = new Calls();
    calls.pass(6, BUSY);
    expect(calls.pass(3)).toEqual(["1: 0 -"]);
    expect(calls.pass(6, BUSY)).toEqual(["6: 1 cpu"]);
  });

  test("a screen that is shared, and what arrives, say nothing of it", () => {
    const share: Flow = { ...BUSY, source: "screen_share" };
    const arriving: Flow = { ...BUSY, direction: "in" };
    expect(new Calls().pass(30, share, arriving, CAMERA)).toEqual([]);
  });
});
