import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { DataChannels } from "../../src/media/data";
import { Emitter } from "../../src/media/events";
import type { OpenedSession, PlaneName } from "../../src/media/handover";
import { MovingSession } from "../../src/media/moving_session";
import type {
  Listed,
  LocalTrack,
  Peer,
  PeerStats,
  PublishOptions,
  RemoteTrack,
  SessionEvents,
  Source,
  TileSize,
} from "../../src/media/session";

const JUN: Listed = { identity: "jun", sid: "PA_1", allowed: ["microphone", "camera"] };
/** Every plane plays something new so often. */
const FRAME_MS = 20;

class Stream {
  constructor(private tracks: readonly unknown[]) {}

  getTracks(): readonly unknown[] {
    return this.tracks;
  }

  addTrack(track: unknown): void {
    this.tracks = [...this.tracks, track];
  }

  removeTrack(track: unknown): void {
    this.tracks = this.tracks.filter((one) => one !== track);
  }
}

/** A plane of which the test says what arrives and what plays. */
class Plane implements OpenedSession {
  readonly emitter = new Emitter<SessionEvents>();
  readonly data = new DataChannels(() => undefined);
  readonly tracks = new Map<Source, RemoteTrack>();
  readonly playing = new Set<Source>();
  readonly locals = new Map<Source, LocalTrack>();
  readonly heard: string[] = [];
  isSending = true;
  way: Promise<void> = Promise.resolve();

  constructor(readonly name: string) {}

  comes(source: Source): void {
    const track = { label: `${source} by ${this.name}` } as unknown as MediaStreamTrack;
    const stream = new MediaStream([track]);
    const remote = { identity: "jun", source, track, stream, allowed: true };
    this.tracks.set(source, remote);
    this.emitter.emit("track", { change: "added", track: remote });
  }

  plays(source: Source): void {
    this.comes(source);
    this.playing.add(source);
  }

  open(): Promise<void> {
    this.heard.push("open");
    return this.way;
  }

  leave(leaving: boolean): void {
    this.heard.push(`leave ${String(leaving)}`);
  }

  setEpoch(epoch: number): void {
    this.heard.push(`epoch ${String(epoch)}`);
  }

  on = this.emitter.on.bind(this.emitter);

  publish(source: Source, track: MediaStreamTrack, options: PublishOptions = {}): Promise<void> {
    const muted = options.muted ?? false;
    const isGone = muted && source === "camera";
    this.locals.set(source, { source, track: isGone ? null : track, muted, mode: null });
    return Promise.resolve();
  }

  unpublish(source: Source): Promise<void> {
    this.locals.delete(source);
    return Promise.resolve();
  }

  setMuted(source: Source, muted: boolean): Promise<void> {
    const local = this.local(source);
    if (local === null) return Promise.reject(new Error("not published"));
    this.locals.set(source, { ...local, muted });
    return Promise.resolve();
  }

  setShareMode(mode: string): void {
    this.heard.push(`mode ${mode}`);
  }

  ease(ease: number): void {
    this.heard.push(`ease ${String(ease)}`);
  }

  local(source: Source): LocalTrack | null {
    return this.locals.get(source) ?? null;
  }

  setParticipants(participants: readonly Listed[]): void {
    this.heard.push(`people ${String(participants.length)}`);
  }

  allow(): void {
    this.heard.push("allow");
  }

  remoteTracks(): readonly RemoteTrack[] {
    return [...this.tracks.values()];
  }

  audioLevel(): number | null {
    return null;
  }

  played(_identity: string, source: Source): number | null {
    if (!this.playing.has(source)) return null;
    return Math.floor(performance.now() / FRAME_MS) * FRAME_MS;
  }

  show(_identity: string, source: Source, size: TileSize): void {
    this.heard.push(`show ${source} ${size === "hidden" ? size : String(size.width)}`);
  }

  peers(): readonly Peer[] {
    return [];
  }

  restartIce(): void {
    this.heard.push("restart");
  }

  setIceServers(servers: readonly RTCIceServer[]): void {
    this.heard.push(`servers ${String(servers.length)}`);
  }

  stats(): Promise<readonly PeerStats[]> {
    return Promise.resolve([]);
  }

  close(options: { readonly keepTracks?: boolean } = {}): void {
    this.heard.push(options.keepTracks === true ? "close, tracks kept" : "close");
  }
}

let mesh: Plane;
let sfu: Plane;
let making: () => Promise<Plane>;
let said: string[];
let told: string[];
let session: MovingSession;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("MediaStream", Stream);
  mesh = new Plane("mesh");
  sfu = new Plane("sfu");
  making = () => Promise.resolve(sfu);
  said = [];
  told = [];
  session = new MovingSession({
    first: mesh,
    plane: "mesh",
    epoch: 1,
    make: () => making(),
    ready: (epoch) => said.push(`ready ${String(epoch)}`),
    giveUp: (epoch, reason) => said.push(`give up ${String(epoch)}: ${reason}`),
  });
  session.on("track", ({ change, track }) => told.push(`${change} ${track.track.label}`));
  session.setParticipants([JUN]);
});
afterEach(() => {
  session.close();
  vi.useRealTimers();
});

const camera = { kind: "video" } as MediaStreamTrack;
const microphone = { kind: "audio" } as MediaStreamTrack;

/** The meeting is on the mesh, and moves. */
function moving(to: PlaneName = "sfu"): void {
  session.setPlane({ plane: "mesh", epoch: 1, move: { to, epoch: 2 } });
}

function moved(plane: PlaneName = "sfu"): void {
  session.setPlane({ plane, epoch: 2, move: null });
}

const passes = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const shown = () => session.remoteTracks().map(({ track }) => track.label);

describe("while a call moves", () => {
  test("the other plane is told all that the first one knows, before it is opened", async () => {
    session.setIceServers([{ urls: "stun:a" }]);
    session.ease(1);
    session.show("jun", "camera", { width: 320, height: 180 });
    await session.publish("microphone", microphone, { muted: true });
    await session.publish("camera", camera, { muted: true });
    moving();
    await passes(0);
    expect(sfu.heard).toEqual(["servers 1", "people 1", "ease 1", "show camera 320", "open"]);
    expect(sfu.local("microphone")?.muted).toBe(true);
    // Its device is let go: it comes with its next track.
    expect(sfu.local("camera")).toBeNull();
    expect(session.plane).toBe("mesh");
  });

  test("each source is taken once it plays there steadily, and the room told of all once", async () => {
    for (const source of ["microphone", "camera"] as const) mesh.plays(source);
    const [, before] = session.remoteTracks();
    moving();
    await passes(200);
    sfu.plays("microphone");
    await passes(1_000);
    expect(shown()).toEqual(["microphone by sfu", "camera by mesh"]);
    expect(said).toEqual([]);
    sfu.plays("camera");
    await passes(1_000);
    expect(shown()).toEqual(["microphone by sfu", "camera by sfu"]);
    expect(said).toEqual(["ready 2"]);
    await passes(5_000);
    expect(said).toEqual(["ready 2"]);
    // What plays it goes on with the same stream.
    const [, after] = session.remoteTracks();
    expect(after?.stream).toBe(before?.stream);
    expect(after?.stream.getTracks()).toEqual([after?.track]);
  });

  test("nobody is told to be ready before all that we send is on its way", async () => {
    sfu.isSending = false;
    session.setParticipants([]);
    moving();
    await passes(2_000);
    expect(said).toEqual([]);
    sfu.isSending = true;
    await passes(100);
    expect(said).toEqual(["ready 2"]);
  });

  test("what is hidden is not waited for", async () => {
    session.setParticipants([{ ...JUN, allowed: ["camera"] }]);
    mesh.plays("camera");
    session.show("jun", "camera", "hidden");
    moving();
    await passes(100);
    expect(said).toEqual(["ready 2"]);
  });

  test("a source that comes on neither plane is waited for ten seconds at most", async () => {
    moving();
    await passes(9_900);
    expect(said).toEqual([]);
    await passes(200);
    expect(said).toEqual(["ready 2"]);
  });

  test("our acts are carried out on both planes", async () => {
    await session.publish("microphone", microphone);
    moving();
    await passes(0);
    await session.setMuted("microphone", true);
    await session.publish("camera", camera);
    for (const plane of [mesh, sfu]) {
      expect(plane.local("microphone")?.muted).toBe(true);
      expect(plane.local("camera")?.track).toBe(camera);
    }
    await session.unpublish("camera");
    expect([mesh.local("camera"), sfu.local("camera")]).toEqual([null, null]);
  });

  test("what the old plane says of our own tracks counts, until the call has moved", async () => {
    const heard: string[] = [];
    session.on("local", ({ source }) => heard.push(source));
    moving();
    await passes(0);
    mesh.emitter.emit("local", { source: "camera", local: null, ended: true });
    sfu.emitter.emit("local", { source: "microphone", local: null, ended: true });
    moved();
    sfu.emitter.emit("local", { source: "screen_share", local: null, ended: true });
    expect(heard).toEqual(["camera", "screen_share"]);
  });
});

describe("a move ends", () => {
  test("with the new plane, and the old one closed once what was in flight has come", async () => {
    mesh.plays("camera");
    moving();
    await passes(0);
    sfu.plays("camera");
    moved();
    expect(session.plane).toBe("sfu");
    expect(shown()).toEqual(["camera by sfu"]);
    expect(mesh.heard).not.toContain("close, tracks kept");
    await passes(1_500);
    expect(mesh.heard.at(-1)).toBe("close, tracks kept");
    mesh.comes("microphone");
    expect(shown()).toEqual(["camera by sfu"]);
    expect(told).toEqual(["added camera by mesh", "changed camera by sfu"]);
  });

  test("with the old plane where somebody was not ready, and everything is as before", async () => {
    mesh.plays("camera");
    moving();
    await passes(0);
    sfu.plays("camera");
    await passes(1_000);
    expect(shown()).toEqual(["camera by sfu"]);
    session.setPlane({ plane: "mesh", epoch: 1, move: null });
    expect(shown()).toEqual(["camera by mesh"]);
    expect(sfu.heard.at(-1)).toBe("close, tracks kept");
  });

  test("before it began, when the room calls it off while the plane is made", async () => {
    let make = (_plane: Plane): void => undefined;
    making = () => new Promise((resolve) => (make = resolve));
    moving();
    session.setPlane({ plane: "mesh", epoch: 1, move: null });
    make(sfu);
    await passes(100);
    expect(sfu.heard).toEqual(["close, tracks kept"]);
    expect(said).toEqual([]);
  });

  test("by a word to the room when there is no way, or no plane to be had", async () => {
    sfu.way = Promise.reject(new Error("no way"));
    moving();
    await passes(0);
    expect(said).toEqual(["give up 2: no_way"]);
    session.setPlane({ plane: "mesh", epoch: 1, move: null });
    making = () => Promise.reject(new Error("not loaded"));
    session.setPlane({ plane: "mesh", epoch: 1, move: { to: "sfu", epoch: 3 } });
    await passes(0);
    expect(said).toEqual(["give up 2: no_way", "give up 3: failed"]);
  });

  test("with the call: both planes are closed, and nothing is told any more", async () => {
    moving();
    await passes(0);
    session.close();
    expect(mesh.heard.at(-1)).toBe("close");
    expect(sfu.heard.at(-1)).toBe("close, tracks kept");
    sfu.comes("camera");
    await passes(20_000);
    expect([said, told]).toEqual([[], []]);
  });
});

test("a call that the room has numbered anew on the same plane goes on", () => {
  session.setPlane({ plane: "mesh", epoch: 7, move: null });
  expect(mesh.heard).toContain("epoch 7");
  expect(session.plane).toBe("mesh");
});

test("who was away while the call moved goes to where it is, and nobody waits for a word", async () => {
  mesh.plays("camera");
  moved();
  await passes(0);
  expect(sfu.heard).toContain("open");
  session.setPlane({ plane: "sfu", epoch: 2, move: null });
  expect(session.plane).toBe("sfu");
});

test("from one media server to another, the old session is told that it will be taken over", async () => {
  moving("mesh");
  await passes(0);
  expect(mesh.heard).toContain("leave true");
  session.setPlane({ plane: "mesh", epoch: 1, move: null });
  expect(mesh.heard.at(-1)).toBe("leave false");
});
