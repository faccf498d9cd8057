// @vitest-environment happy-dom
import { afterEach, describe, expect, test, vi } from "vitest";
import { Capture, type CaptureEvents } from "../../src/media/capture";
import { acquire, acquireScreen, listDevices, type Browser } from "../../src/media/devices";
import { classify, DeviceFailure } from "../../src/media/failures";

const named = (name: string, message = ""): DOMException => new DOMException(message, name);

describe("why a device is not there", () => {
  test.each([
    [named("NotAllowedError", "Permission denied"), "denied", "denied"],
    [named("NotAllowedError", "Permission dismissed"), "prompt", "dismissed"],
    [named("NotAllowedError", "Permission denied by system"), "prompt", "system"],
    [named("NotAllowedError", "The request is not allowed"), "prompt", "dismissed"],
    [named("NotAllowedError", "The request is not allowed"), null, "denied"],
    [named("NotAllowedError", "Permission denied"), "granted", "system"],
    [named("NotFoundError"), "granted", "missing"],
    [named("NotReadableError"), "granted", "busy"],
    [named("AbortError"), "granted", "busy"],
    [{ name: "OverconstrainedError", message: "" }, "granted", "overconstrained"],
    [named("SecurityError"), "granted", "denied"],
    [new TypeError("no mediaDevices"), null, "unsupported"],
    ["?", null, "failed"],
  ] as const)("%s with permission %s is %s", (error, permission, code) => {
    expect(classify(error, { secure: true, permission })).toBe(code);
  });

  test("on an insecure page nothing else matters", () => {
    const error = new TypeError("undefined is not a function");
    expect(classify(error, { secure: false, permission: null })).toBe("insecure");
  });
});

class FakeTrack extends EventTarget {
  readyState: MediaStreamTrackState = "live";
  muted = false;
  enabled = true;
  constructor(
    readonly kind: string,
    readonly deviceId: string,
  ) {
    super();
  }
  get label(): string {
    return `the ${this.deviceId}`;
  }
  getSettings(): MediaTrackSettings {
    return { deviceId: this.deviceId };
  }
  stop(): void {
    this.readyState = "ended";
  }
  unplug(): void {
    this.readyState = "ended";
    this.dispatchEvent(new Event("ended"));
  }
}

/** A browser with devices that come and go, and with answers to the question for permission. */
class FakeBrowser extends EventTarget implements Browser {
  readonly secure = true;
  asked: MediaTrackConstraints[] = [];
  readonly tracks: FakeTrack[] = [];
  answer: (() => void) | null = null;
  constructor(public cameras: string[]) {
    super();
  }
  permission(): Promise<PermissionState | null> {
    return Promise.resolve("granted");
  }
  get mediaDevices(): MediaDevices {
    return this as unknown as MediaDevices;
  }
  enumerateDevices(): Promise<Partial<MediaDeviceInfo>[]> {
    return Promise.resolve(
      this.cameras.map((deviceId) => ({ kind: "videoinput", deviceId, label: `the ${deviceId}` })),
    );
  }
  getUserMedia({ video }: { video: MediaTrackConstraints | true }): Promise<unknown> {
    const constraints = video === true ? {} : video;
    this.asked.push(constraints);
    this.answer?.();
    const exact = (constraints.deviceId as { exact: string } | undefined)?.exact;
    const id = exact ?? this.cameras[0];
    if (id === undefined) return Promise.reject(named("NotFoundError"));
    if (!this.cameras.includes(id)) return Promise.reject(named("OverconstrainedError"));
    const track = new FakeTrack("video", id);
    this.tracks.push(track);
    return Promise.resolve({ getTracks: () => [track] });
  }
  plug(...cameras: string[]): void {
    this.cameras = cameras;
    this.dispatchEvent(new Event("devicechange"));
  }
  get live(): string[] {
    return this.tracks.filter((t) => t.readyState === "live").map((t) => t.deviceId);
  }
}

describe("getting a device", () => {
  test("a chosen device that is gone is replaced without a word", async () => {
    const browser = new FakeBrowser(["built_in"]);
    const track = await acquire("camera", "usb", browser);
    expect(track.getSettings().deviceId).toBe("built_in");
    expect(browser.asked).toHaveLength(2);
  });

  test("a refusal is not asked again in other words", async () => {
    const browser = new FakeBrowser(["built_in"]);
    browser.answer = () => {
      throw named("NotAllowedError", "Permission dismissed");
    };
    await expect(acquire("camera", "", browser)).rejects.toMatchObject({
      code: "dismissed",
      kind: "camera",
    });
    expect(browser.asked).toHaveLength(1);
  });

  test("no device is `missing`, after the loosest question", async () => {
    const browser = new FakeBrowser([]);
    await expect(acquire("camera", "", browser)).rejects.toMatchObject({ code: "missing" });
    expect(browser.asked.at(-1)).toEqual({});
  });

  test("an insecure page is told as such, and listing there is empty", async () => {
    const browser: Browser = {
      mediaDevices: undefined,
      secure: false,
      permission: () => Promise.resolve(null),
    };
    await expect(acquire("microphone", "", browser)).rejects.toMatchObject({ code: "insecure" });
    expect(await listDevices(browser)).toEqual({ microphone: [], camera: [], speaker: [] });
  });

  test("closing the question for a screen is no failure", async () => {
    const browser = new FakeBrowser([]);
    Object.assign(browser, { getDisplayMedia: () => Promise.reject(named("NotAllowedError")) });
    expect(await acquireScreen("text", browser)).toBeNull();
  });

  test("listing asks for nothing", async () => {
    const browser = new FakeBrowser(["a", "b", "communications"]);
    expect((await listDevices(browser)).camera.map(({ id }) => id)).toEqual(["a", "b"]);
    expect(browser.asked).toHaveLength(0);
  });
});

describe("keeping a device", () => {
  const captures: Capture[] = [];
  afterEach(() => {
    for (const capture of captures.splice(0)) capture.close();
  });

  function capture(...cameras: string[]) {
    const browser = new FakeBrowser(cameras);
    const kept = new Capture("camera", browser);
    captures.push(kept);
    const log: string[] = [];
    kept.on("track", ({ label, reason }: CaptureEvents["track"]) =>
      log.push(`${reason}: ${label}`),
    );
    kept.on("lost", ({ failure }) => log.push(`lost: ${failure.code}`));
    kept.on("resume_needed", (needed) => log.push(`resume_needed: ${String(needed)}`));
    return { kept, browser, log };
  }
  const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

  test("an unplugged device is replaced, and a chosen one that returns is taken again", async () => {
    const { kept, browser, log } = capture("built_in", "usb");
    await kept.start("usb");
    browser.cameras = ["built_in"];
    browser.tracks[0]?.unplug();
    browser.plug("built_in");
    await vi.waitUntil(() => log.length === 2);
    browser.plug("built_in", "usb");
    await vi.waitUntil(() => log.length === 3);
    await settle();
    expect(log).toEqual(["chosen: the usb", "fallback: the built_in", "returned: the usb"]);
    expect(browser.live).toEqual(["usb"]);
  });

  test("with nothing left to replace it, it is lost", async () => {
    const { kept, browser, log } = capture("usb");
    await kept.start();
    browser.cameras = [];
    browser.tracks[0]?.unplug();
    await vi.waitUntil(() => log.length === 2);
    expect(log[1]).toBe("lost: missing");
  });

  test("changing a device stops the former one, after the new one was handed over", async () => {
    const { kept, browser } = capture("built_in", "usb");
    const live: string[][] = [];
    kept.on("track", () => live.push(browser.live));
    await kept.start("usb");
    await kept.start("built_in");
    expect(live).toEqual([["usb"], ["usb", "built_in"]]);
    expect(browser.live).toEqual(["built_in"]);
  });

  test("what was stopped is not started again by any event", async () => {
    const { kept, browser, log } = capture("built_in", "usb");
    await kept.start("usb");
    kept.stop();
    browser.plug("built_in");
    document.dispatchEvent(new Event("visibilitychange"));
    dispatchEvent(new Event("pageshow"));
    await settle();
    await settle();
    expect(browser.live).toEqual([]);
    expect(log).toHaveLength(1);
  });

  test("nor what a muting session stopped", async () => {
    const { kept, browser } = capture("built_in");
    const track = await kept.start();
    track.stop();
    browser.plug("built_in", "usb");
    document.dispatchEvent(new Event("visibilitychange"));
    await settle();
    expect(browser.live).toEqual([]);
    expect(kept.track).toBeNull();
  });

  test("a device that arrives after it was stopped is given back at once", async () => {
    const { kept, browser } = capture("built_in");
    const starting = kept.start();
    kept.stop();
    await expect(starting).rejects.toBeInstanceOf(DeviceFailure);
    expect(browser.live).toEqual([]);
  });

  test("an interruption that needs a touch says so, and ends by it", async () => {
    const { kept, browser, log } = capture("built_in");
    await kept.start();
    browser.answer = () => {
      throw named("NotAllowedError");
    };
    browser.permission = () => Promise.resolve("denied");
    browser.tracks[0]?.unplug();
    await vi.waitUntil(() => log.length === 2);
    browser.answer = null;
    await kept.resume();
    expect(log.slice(1)).toEqual([
      "resume_needed: true",
      "resume_needed: false",
      "resumed: the built_in",
    ]);
  });
});
