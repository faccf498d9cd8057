import { describe, expect, test } from "vitest";
import { askForOpusDtx, boundsFor, contentHint, eased, easeLayers } from "../../src/media/bitrate";
import type { Source } from "../../src/media/session";

const plain = { mode: null };
const set = (...sources: Source[]): Set<Source> => new Set(sources);

describe("less of a camera", () => {
  test("each step is a smaller picture, and fewer of them, and never nothing", () => {
    const whole = boundsFor("camera", plain, 1, set("camera"));
    expect(eased(whole, 0)).toEqual(whole);
    const [one, two] = [eased(whole, 1), eased(whole, 2)];
    expect([one.maxBitrate_bps, two.maxBitrate_bps]).toEqual([750_000, 300_000]);
    expect([one.scaleDownBy, two.scaleDownBy]).toEqual([1.5, 2]);
    expect([one.maxFramerate, two.maxFramerate]).toEqual([15, 10]);
    const least = boundsFor("camera", plain, 40, set("camera"));
    expect(eased(least, 2).maxBitrate_bps).toBe(60_000);
  });

  test("layers are eased by what they were, so that steps do not add up, and come back whole", async () => {
    let encodings = [
      { rid: "q", active: true, maxBitrate: 160_000, maxFramerate: 20, scaleResolutionDownBy: 2 },
      { rid: "h", active: false, maxBitrate: 450_000, maxFramerate: 25, scaleResolutionDownBy: 1 },
    ];
    const whole = structuredClone(encodings);
    const sender = {
      getParameters: () => ({ encodings: structuredClone(encodings) }),
      setParameters: (now: { encodings: typeof encodings }) => {
        ({ encodings } = now);
        return Promise.resolve();
      },
    } as unknown as RTCRtpSender;
    await easeLayers(sender, whole, 1);
    await easeLayers(sender, whole, 2);
    expect(encodings.map(({ scaleResolutionDownBy }) => scaleResolutionDownBy)).toEqual([4, 2]);
    expect(encodings.map(({ maxBitrate }) => maxBitrate)).toEqual([60_000, 90_000]);
    // Which layers are made is the SFU's word.
    expect(encodings.map(({ active }) => active)).toEqual([true, false]);
    await easeLayers(sender, whole, 0);
    expect(encodings).toEqual(whole);
  });
});

describe("bounds", () => {
  test("a camera's bitrate falls as the room grows, and never under what shows a face", () => {
    const bitrates = [1, 2, 3, 4, 5, 6, 7, 15].map(
      (receivers) => boundsFor("camera", plain, receivers, set("camera")).maxBitrate_bps,
    );
    expect(bitrates).toEqual([...bitrates].sort((a, b) => b - a));
    expect(bitrates[0]).toBe(1_500_000);
    expect(bitrates.at(-1)).toBeGreaterThanOrEqual(120_000);
    for (const [index, bps] of bitrates.slice(0, 7).entries()) {
      expect(bps * (index + 1)).toBeLessThanOrEqual(4_000_000);
    }
  });

  test("camera and share together stay within the uplink, and the share has most of it", () => {
    const sending = set("camera", "screen_share");
    for (const receivers of [2, 3, 4, 5, 6, 7]) {
      const camera = boundsFor("camera", plain, receivers, sending).maxBitrate_bps;
      const share = boundsFor("screen_share", { mode: "text" }, receivers, sending).maxBitrate_bps;
      expect(share).toBeGreaterThan(camera);
      expect((camera + share) * receivers).toBeLessThanOrEqual(4_000_000);
    }
  });

  test("text keeps its letters and motion keeps its frames", () => {
    const text = boundsFor("screen_share", { mode: "text" }, 1, set("screen_share"));
    const motion = boundsFor("screen_share", { mode: "motion" }, 1, set("screen_share"));
    expect(text.degradation).toBe("maintain-resolution");
    expect(motion.degradation).toBe("maintain-framerate");
    expect(motion.maxFramerate).toBeGreaterThan(text.maxFramerate ?? 99);
    expect(contentHint("screen_share", "text")).toBe("text");
    expect(contentHint("screen_share", "motion")).toBe("motion");
    expect(contentHint("microphone", null)).toBe("speech");
  });

  test("a wish lowers a bound and never raises it", () => {
    const wish = { mode: null, maxBitrate_bps: 50_000, maxFramerate: 5 };
    expect(boundsFor("camera", wish, 1, set("camera"))).toMatchObject({
      maxBitrate_bps: 50_000,
      maxFramerate: 5,
    });
    const greedy = { mode: null, maxBitrate_bps: 50_000_000 };
    expect(boundsFor("camera", greedy, 1, set()).maxBitrate_bps).toBe(1_500_000);
  });
});

describe("Opus", () => {
  const sdp = (fmtp: string): string =>
    [
      "m=audio 9 UDP/TLS/RTP/SAVPF 111 63",
      "a=rtpmap:111 opus/48000/2",
      fmtp,
      "a=rtpmap:63 red/48000/2",
      "a=fmtp:63 111/111",
      "",
    ].join("\r\n");

  test("DTX and FEC are asked for, and nothing else changes", () => {
    expect(askForOpusDtx(sdp("a=fmtp:111 minptime=10;useinbandfec=1"))).toBe(
      sdp("a=fmtp:111 minptime=10;useinbandfec=1;usedtx=1"),
    );
  });

  test("what the other end said itself stands", () => {
    const said = sdp("a=fmtp:111 useinbandfec=0;usedtx=0");
    expect(askForOpusDtx(said)).toBe(said);
  });

  test("a description without Opus is left as it is", () => {
    expect(askForOpusDtx("v=0\r\nm=video 9 X 96\r\na=fmtp:96 x=1\r\n")).toBe(
      "v=0\r\nm=video 9 X 96\r\na=fmtp:96 x=1\r\n",
    );
  });
});
