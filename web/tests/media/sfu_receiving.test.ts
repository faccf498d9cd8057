import type { RemoteTrack as LiveKitTrack, RemoteTrackPublication } from "livekit-client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Emitter } from "../../src/media/events";
import { Remotes } from "../../src/media/remotes";
import { SfuReceiving, type SfuRemote } from "../../src/media/sfu_receiving";
import type { SessionEvents, TileSize } from "../../src/media/session";

/** A picture or a sound on the SFU, and what was asked of it last. */
class Sent {
  readonly mediaStreamTrack = { enabled: true };
  asked: TileSize | null = null;
  enabled = true;
  times = 0;

  constructor(readonly source: string) {}

  setEnabled(on: boolean): void {
    this.enabled = on;
  }

  setVideoDimensions(size: { width: number; height: number }): void {
    this.asked = size;
    this.times += 1;
  }

  get track(): LiveKitTrack {
    return this as unknown as LiveKitTrack;
  }

  get publication(): RemoteTrackPublication {
    return this as unknown as RemoteTrackPublication;
  }
}

let remotes: Remotes<SfuRemote>;
let receiving: SfuReceiving;
let told: string[];

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("MediaStream", Object);
  const emitter = new Emitter<SessionEvents>();
  told = [];
  emitter.on("track", ({ change, track }) => told.push(`${change} ${track.source}`));
  remotes = new Remotes(emitter);
  receiving = new SfuReceiving(remotes);
});
afterEach(() => vi.useRealTimers());

function comes(source: string): Sent {
  const sent = new Sent(source);
  receiving.received("jun", sent.track, sent.publication);
  return sent;
}

test("a tile's size is asked for in steps, also when it was known before the picture", () => {
  receiving.show("jun", "camera", { width: 300, height: 170 });
  const camera = comes("camera");
  expect(camera.asked).toEqual({ width: 320, height: 192 });
  receiving.show("jun", "camera", { width: 641, height: 360 });
  expect(camera.asked).toEqual({ width: 672, height: 384 });
});

test("who is short of time asks for less of the cameras, and reads shares as before", () => {
  const camera = comes("camera");
  const share = comes("screen_share");
  for (const source of ["camera", "screen_share"] as const) {
    receiving.show("jun", source, { width: 640, height: 320 });
  }
  receiving.ease(1);
  expect(camera.asked).toEqual({ width: 320, height: 160 });
  expect(share.asked).toEqual({ width: 640, height: 320 });
  receiving.ease(0);
  expect(camera.asked).toEqual({ width: 640, height: 320 });
});

test("a picture out of sight for a moment is not sent, and is again at once when it is seen", () => {
  const camera = comes("camera");
  receiving.show("jun", "camera", "hidden");
  vi.advanceTimersByTime(999);
  expect(camera.enabled).toBe(true);
  vi.advanceTimersByTime(1);
  expect(camera.enabled).toBe(false);
  receiving.show("jun", "camera", { width: 320, height: 160 });
  expect(camera.enabled).toBe(true);
});

test("nothing is asked of a sound, nor of a picture that nobody has shown yet", () => {
  const microphone = comes("microphone");
  receiving.show("jun", "microphone", { width: 320, height: 160 });
  const camera = comes("camera");
  expect([microphone.times, camera.times]).toEqual([0, 0]);
});

test("the same track is told of once, and what is no source of ours not at all", () => {
  const camera = comes("camera");
  receiving.received("jun", camera.track, camera.publication);
  comes("unknown");
  expect(told).toEqual(["added camera"]);
  receiving.lost("jun", new Sent("camera").track);
  expect(told).toEqual(["added camera"]);
  receiving.lost("jun", camera.track);
  expect(told).toEqual(["added camera", "removed camera"]);
});
