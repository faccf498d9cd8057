/**
 * What the scenarios are written with: people in a mesh, in one page of a real browser, over a
 * relay of any badness; and ways to wait for decoded frames and for sound that is heard.
 */
import { borrowContext, loudness } from "../../src/media/level";
import { MeshSession } from "../../src/media/mesh";
import { Playback } from "../../src/media/playback";
import type { Listed, RemoteTrack, Source } from "../../src/media/session";
import { ReliableSignals } from "../../src/media/signals";
import { FINE, Hub, type Badness } from "./relay";

export const ALL: readonly Source[] = [
  "microphone",
  "camera",
  "screen_share",
  "screen_share_audio",
];

/** Every connection of this page, to count what is left of them. */
const connections = new Set<RTCPeerConnection>();
const Native = RTCPeerConnection;
globalThis.RTCPeerConnection = class extends Native {
  constructor(configuration?: RTCConfiguration) {
    super(configuration);
    connections.add(this);
  }
};
export const openConnections = (): number =>
  [...connections].filter(({ signalingState }) => signalingState !== "closed").length;

/** Every copy of a track: one that is left running keeps a device's light on. */
const copies = new Set<MediaStreamTrack>();
const copy = Reflect.get(MediaStreamTrack.prototype, "clone") as () => MediaStreamTrack;
MediaStreamTrack.prototype.clone = function () {
  const track = Reflect.apply(copy, this, []);
  copies.add(track);
  return track;
};
export const runningCopies = (): number =>
  [...copies].filter(({ readyState }) => readyState === "live").length;

/** The bound of each video encoder of this page, in bit/s. */
export const videoBounds = (): number[] =>
  [...connections]
    .filter(({ signalingState }) => signalingState !== "closed")
    .flatMap((connection) => connection.getSenders())
    .filter(({ track }) => track?.kind === "video")
    .map((sender) => sender.getParameters().encodings[0]?.maxBitrate ?? Infinity);

export async function until(
  what: string,
  holds: () => unknown,
  within_ms = 8_000,
): Promise<number> {
  const begin_ms = performance.now();
  for (;;) {
    if (await holds()) return performance.now() - begin_ms;
    if (performance.now() - begin_ms > within_ms) throw new Error(`not within time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

export function expect(holds: boolean, what: string): void {
  if (!holds) throw new Error(`expected: ${what}`);
}

/** Time passes where the absence of something is to be seen. */
export const pass = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms));

export class Person {
  readonly session: MeshSession;
  readonly signals: ReliableSignals;
  readonly playback = new Playback();
  readonly warnings: string[] = [];
  private readonly meters = new Map<string, { analyser: AnalyserNode; release: () => void }>();
  private readonly screens = new Map<string, HTMLVideoElement>();

  constructor(
    readonly identity: string,
    private readonly call: Call,
  ) {
    this.signals = new ReliableSignals({
      self: identity,
      epoch: 1,
      relay: call.hub.join(identity),
    });
    this.session = new MeshSession({ signals: this.signals, iceServers: [] });
    this.session.on("warning", ({ code, detail }) => this.warnings.push(`${code} ${detail}`));
    this.playback.follow(this.session);
  }

  remote(of: string, source: Source): RemoteTrack | null {
    const tracks = this.session.remoteTracks();
    return tracks.find((track) => track.identity === of && track.source === source) ?? null;
  }

  /** How loud the one is for the other, now, through the whole chain. */
  hears(of: Person, source: Source = "microphone"): number {
    const track = this.remote(of.identity, source);
    if (track === null) return 0;
    const samples = new Float32Array(2048);
    this.meterOf(track).getFloatTimeDomainData(samples);
    return loudness(samples);
  }

  /** The loudest frequency, in Hz. */
  pitch(of: Person): number {
    const track = this.remote(of.identity, "microphone");
    if (track === null) return 0;
    const analyser = this.meterOf(track);
    const bins = new Float32Array(analyser.frequencyBinCount);
    analyser.getFloatFrequencyData(bins);
    return (bins.indexOf(Math.max(...bins)) * analyser.context.sampleRate) / analyser.fftSize;
  }

  /** The colour in the middle of what is seen: [red, green, blue]; black while nothing is. */
  sees(of: Person, source: Source = "camera"): [number, number, number] {
    const track = this.remote(of.identity, source);
    if (track === null) return [0, 0, 0];
    let video = this.screens.get(track.stream.id);
    if (video === undefined) {
      video = document.createElement("video");
      video.muted = true;
      video.srcObject = track.stream;
      void video.play().catch(() => undefined);
      this.screens.set(track.stream.id, video);
    }
    const canvas = new OffscreenCanvas(1, 1).getContext("2d");
    if (canvas === null || video.videoWidth === 0) return [0, 0, 0];
    canvas.drawImage(video, video.videoWidth / 2, video.videoHeight / 2, 1, 1, 0, 0, 1, 1);
    const [red = 0, green = 0, blue = 0] = canvas.getImageData(0, 0, 1, 1).data;
    return [red, green, blue];
  }

  async frames(of: Person, source: Source = "camera"): Promise<number> {
    const stats = (await this.session.stats()).find(({ identity }) => identity === of.identity);
    let frames = 0;
    for (const stat of stats?.report?.values() ?? []) {
      const { type, mid, framesDecoded } = stat as Record<string, unknown>;
      if (type !== "inbound-rtp" || stats?.receives[String(mid)] !== source) continue;
      frames = Number(framesDecoded ?? 0);
    }
    return frames;
  }

  async offers(): Promise<number> {
    const stats = await this.session.stats();
    return stats.reduce((sum, { negotiation }) => sum + negotiation.offers_sent, 0);
  }

  async framesGrow(of: Person, source: Source = "camera", by = 3): Promise<number> {
    const before = await this.frames(of, source);
    return until(
      `${this.identity} decodes the ${source} of ${of.identity}`,
      async () => (await this.frames(of, source)) >= before + by,
    );
  }

  async soundOf(of: Person, source: Source = "microphone"): Promise<void> {
    await until(
      `${this.identity} hears the ${source} of ${of.identity}`,
      () => this.hears(of, source) > 0.02,
    );
  }

  async silenceOf(of: Person): Promise<void> {
    await until(`${of.identity} is silent for ${this.identity}`, () => this.hears(of) < 0.0005);
    for (let look = 0; look < 10; look += 1) {
      expect(this.hears(of) < 0.0005, `${of.identity} stays silent for ${this.identity}`);
      await pass(20);
    }
  }

  leave(): void {
    this.session.close();
    this.signals.close();
    this.playback.close();
    for (const { release } of this.meters.values()) release();
    this.call.people.delete(this);
  }

  private meterOf(track: RemoteTrack): AnalyserNode {
    const key = track.stream.id;
    let meter = this.meters.get(key);
    if (meter === undefined) {
      const { context, release } = borrowContext();
      const analyser = context.createAnalyser();
      analyser.smoothingTimeConstant = 0;
      context.createMediaStreamSource(track.stream).connect(analyser);
      this.meters.set(key, (meter = { analyser, release }));
    }
    return meter.analyser;
  }
}

/** A room: who is in it is told to everyone, unless a scenario tells otherwise. */
export class Call {
  readonly hub: Hub;
  readonly people = new Set<Person>();
  private sids = 0;
  private readonly sidOf = new Map<string, string>();

  constructor(badness: Badness = FINE) {
    this.hub = new Hub(badness);
  }

  enter(identity: string): Person {
    const person = new Person(identity, this);
    this.people.add(person);
    this.sidOf.set(identity, `PA_${String((this.sids += 1))}`);
    return person;
  }

  list(): Listed[] {
    return [...this.people].map(({ identity }) => ({
      identity,
      sid: this.sidOf.get(identity) ?? "",
      allowed: ALL,
    }));
  }

  tell(people: Iterable<Person> = this.people): void {
    const list = this.list();
    for (const { session } of people) session.setParticipants(list);
  }

  close(): void {
    for (const person of [...this.people]) person.leave();
  }
}

export async function camera(): Promise<MediaStreamTrack> {
  const video = { width: 320, height: 180, frameRate: 10 };
  const [track] = (await navigator.mediaDevices.getUserMedia({ video })).getTracks();
  if (track === undefined) throw new Error("no camera");
  return track;
}

/** A picture of one colour that is drawn again and again. */
export function picture(colour: string): MediaStreamTrack {
  const canvas = document.createElement("canvas");
  canvas.width = 320;
  canvas.height = 180;
  const context = canvas.getContext("2d");
  let tick = 0;
  const timer = setInterval(() => {
    if (context === null) return;
    context.fillStyle = colour;
    context.fillRect(0, 0, 320, 180);
    context.fillStyle = "white";
    context.fillRect((tick += 5) % 320, 0, 5, 5);
  }, 100);
  const [track] = canvas.captureStream(10).getVideoTracks();
  if (track === undefined) throw new Error("no picture");
  const stop = track.stop.bind(track);
  track.stop = () => {
    clearInterval(timer);
    stop();
  };
  return track;
}

/** A tone that sounds until it is stopped. */
export function tone(frequency_hz: number): MediaStreamTrack {
  const { context, release } = borrowContext();
  const oscillator = context.createOscillator();
  const out = context.createMediaStreamDestination();
  oscillator.frequency.value = frequency_hz;
  const gain = context.createGain();
  gain.gain.value = 0.4;
  oscillator.connect(gain).connect(out);
  oscillator.start();
  const [track] = out.stream.getAudioTracks();
  if (track === undefined) throw new Error("no tone");
  const stop = track.stop.bind(track);
  track.stop = () => {
    oscillator.stop();
    stop();
    release();
  };
  return track;
}
