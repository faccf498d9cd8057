/**
 * Why a camera, a microphone or a screen could not be had: one code for what each browser says in
 * its own way. The texts (what, why, what next) are the UI's.
 *
 * Source: W3C mediacapture-main section 10.2 (getUserMedia), screen-capture section 5.
 */
export type FailureCode =
  /** The person, or the site's settings, said no. */
  | "denied"
  /** The operating system keeps this browser from the device. */
  | "system"
  /** The question was closed without an answer: it may be asked again. */
  | "dismissed"
  | "missing"
  /** Another program holds the device, or it does not start. */
  | "busy"
  /** Not HTTPS nor localhost: the browser has no such function here. */
  | "insecure"
  | "unsupported"
  | "overconstrained"
  | "failed";

export type CaptureKind = "microphone" | "camera" | "screen";

export class DeviceFailure extends Error {
  override readonly name = "DeviceFailure";
  constructor(
    readonly code: FailureCode,
    readonly kind: CaptureKind,
    options?: ErrorOptions,
  ) {
    super(`${kind}: ${code}`, options);
  }
}

export interface Circumstances {
  readonly secure: boolean;
  /** What the Permissions API says after the failure; null where it cannot say. */
  readonly permission: PermissionState | null;
}

export function classify(error: unknown, { secure, permission }: Circumstances): FailureCode {
  if (!secure) return "insecure";
  const { name, message } = error instanceof Error || isErrorLike(error) ? error : NONE;
  switch (name) {
    case "NotAllowedError":
    case "PermissionDeniedError":
      // Chrome tells the system's refusal and a closed question in the message alone.
      if (/by (the )?system|system settings/i.test(message)) return "system";
      if (/dismissed/i.test(message)) return "dismissed";
      // The site may, and still it may not: somebody above the browser forbids it.
      if (permission === "granted") return "system";
      return permission === "prompt" ? "dismissed" : "denied";
    case "SecurityError":
      return "denied";
    case "NotFoundError":
    case "DevicesNotFoundError":
      return "missing";
    case "NotReadableError":
    case "TrackStartError":
    case "AbortError":
      return "busy";
    case "OverconstrainedError":
    case "ConstraintNotSatisfiedError":
      return "overconstrained";
    case "TypeError":
    case "NotSupportedError":
      return "unsupported";
    default:
      return "failed";
  }
}

const NONE = { name: "", message: "" };

/** OverconstrainedError is no Error in older Safari. */
const isErrorLike = (value: unknown): value is { name: string; message: string } =>
  typeof value === "object" &&
  value !== null &&
  "name" in value &&
  typeof value.name === "string" &&
  "message" in value &&
  typeof value.message === "string";
