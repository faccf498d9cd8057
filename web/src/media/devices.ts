/**
 * Which devices there are, and how to get one. Nothing here asks for a permission but `acquire`
 * and `acquireScreen`, which are called by a click.
 */
import { classify, DeviceFailure, type CaptureKind } from "./failures";
import type { ShareMode } from "./session";

export type DeviceKind = "microphone" | "camera" | "speaker";

export interface Device {
  readonly id: string;
  /** Empty until the permission was given once. */
  readonly label: string;
}

export type DeviceList = Readonly<Record<DeviceKind, readonly Device[]>>;

/** The browser's parts that are used here, so that a test can play the browser. */
export interface Browser {
  readonly mediaDevices: MediaDevices | undefined;
  readonly secure: boolean;
  permission(name: "microphone" | "camera"): Promise<PermissionState | null>;
}

export const thisBrowser = (): Browser => ({
  // Missing on an insecure page, whatever the types say.
  mediaDevices: navigator.mediaDevices as MediaDevices | undefined,
  secure: isSecureContext,
  async permission(name) {
    try {
      return (await navigator.permissions.query({ name: name as PermissionName })).state;
    } catch {
      return null; // Firefox before 132 does not know the name.
    }
  },
});

const KINDS: Readonly<Record<MediaDeviceKind, DeviceKind>> = {
  audioinput: "microphone",
  videoinput: "camera",
  audiooutput: "speaker",
};

export async function listDevices(browser: Browser = thisBrowser()): Promise<DeviceList> {
  const list: Record<DeviceKind, Device[]> = { microphone: [], camera: [], speaker: [] };
  const found = (await browser.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
  for (const { kind, deviceId, label } of found) {
    // Before a permission there is one nameless entry a kind: it says "some", not which.
    // "communications" is Windows' name for a device that is listed besides.
    if (deviceId !== "communications") list[KINDS[kind]].push({ id: deviceId, label });
  }
  return list;
}

/** Calls back with the new list when a device came or went. */
export function watchDevices(
  changed: (list: DeviceList) => void,
  browser: Browser = thisBrowser(),
): () => void {
  const { mediaDevices } = browser;
  const read = (): void => void listDevices(browser).then(changed);
  mediaDevices?.addEventListener("devicechange", read);
  return () => mediaDevices?.removeEventListener("devicechange", read);
}

/** "prompt" means that `acquire` will ask; null that only trying will tell. */
export const permissionFor = (
  kind: "microphone" | "camera",
  browser: Browser = thisBrowser(),
): Promise<PermissionState | null> => browser.permission(kind);

const WISHES: Readonly<Record<"microphone" | "camera", MediaTrackConstraints>> = {
  microphone: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
  camera: { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } },
};

/** From what is wished for to whatever there is; each step is tried without a word. */
export function ladder(
  kind: "microphone" | "camera",
  deviceId: string,
): readonly (MediaTrackConstraints | true)[] {
  const wish = WISHES[kind];
  const facing = kind === "camera" ? { facingMode: "user" } : {};
  const chosen = deviceId === "" ? [] : [{ ...wish, deviceId: { exact: deviceId } }];
  return [...chosen, { ...wish, ...facing }, true];
}

/**
 * One track of the chosen device, or of another where it is not there any more.
 * @throws DeviceFailure
 */
export async function acquire(
  kind: "microphone" | "camera",
  deviceId = "",
  browser: Browser = thisBrowser(),
): Promise<MediaStreamTrack> {
  let last: unknown = null;
  for (const constraints of ladder(kind, deviceId)) {
    try {
      return await one(kind, constraints, browser);
    } catch (error) {
      last = error;
      if (!looserMayHelp(error)) break;
    }
  }
  const permission = await browser.permission(kind);
  throw failure(last, kind, browser, permission);
}

async function one(
  kind: "microphone" | "camera",
  constraints: MediaTrackConstraints | true,
  { mediaDevices }: Browser,
): Promise<MediaStreamTrack> {
  if (mediaDevices === undefined) throw new TypeError("no mediaDevices");
  const stream = await mediaDevices.getUserMedia(
    kind === "microphone" ? { audio: constraints } : { video: constraints },
  );
  const [track] = stream.getTracks();
  if (track === undefined) throw new DOMException("no track", "NotFoundError");
  return track;
}

/** A chosen device that is gone, or one that cannot do what was asked (Firefox: NotFoundError). */
const looserMayHelp = (error: unknown): boolean => {
  const code = classify(error, { secure: true, permission: null });
  return code === "overconstrained" || code === "missing";
};

const failure = (
  error: unknown,
  kind: CaptureKind,
  { secure }: Browser,
  permission: PermissionState | null,
): DeviceFailure => {
  const code = classify(error, { secure, permission });
  return new DeviceFailure(code, kind, { cause: error });
};

/** Phones have no getDisplayMedia. */
export const canShareScreen = ({ mediaDevices }: Browser = thisBrowser()): boolean =>
  typeof (mediaDevices as Partial<MediaDevices> | undefined)?.getDisplayMedia === "function";

export interface Screen {
  readonly video: MediaStreamTrack;
  /** Only where the browser offers it and the box was ticked. */
  readonly audio: MediaStreamTrack | null;
}

/** Hints that TypeScript's own types do not have yet; browsers ignore what they do not know. */
interface DisplayOptions extends DisplayMediaStreamOptions {
  readonly selfBrowserSurface: "exclude";
  readonly surfaceSwitching: "include";
  readonly systemAudio: "include";
}

/**
 * Asks which screen, window or tab to share. Null where the person closed the question: that is
 * no failure, and nothing is to be said about it.
 * @throws DeviceFailure
 */
export async function acquireScreen(
  mode: ShareMode,
  browser: Browser = thisBrowser(),
): Promise<Screen | null> {
  const options: DisplayOptions = {
    video: { frameRate: { max: mode === "text" ? 15 : 30 } },
    // What this page itself plays would come back to who said it as an echo.
    audio: { suppressLocalAudioPlayback: false, restrictOwnAudio: true } as MediaTrackConstraints,
    selfBrowserSurface: "exclude",
    surfaceSwitching: "include",
    systemAudio: "include",
  };
  try {
    if (browser.mediaDevices === undefined) throw new TypeError("no mediaDevices");
    const stream = await browser.mediaDevices.getDisplayMedia(options);
    const [video] = stream.getVideoTracks();
    if (video === undefined) throw new DOMException("no track", "NotFoundError");
    return { video, audio: stream.getAudioTracks()[0] ?? null };
  } catch (error) {
    const failed = failure(error, "screen", browser, null);
    // There is no lasting answer to this question: a "no" is a closed question.
    if (failed.code === "denied" || failed.code === "dismissed") return null;
    throw failed;
  }
}
