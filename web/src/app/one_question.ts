import { classify, type FailureCode } from "../media/failures.ts";

/**
 * One question to the browser for camera and microphone together. Its tracks only hold the answer
 * until each device is opened by itself; null where each has to ask on its own.
 */
export async function askOnce(): Promise<MediaStream | FailureCode | null> {
  const media = navigator.mediaDevices as MediaDevices | undefined;
  if (!media) return null;
  try {
    return await media.getUserMedia({ audio: true, video: true });
  } catch (error) {
    if (!(error instanceof DOMException) || error.name !== "NotAllowedError") return null;
    // Asking for each again would only repeat the question that was just answered.
    const state = await navigator.permissions
      .query({ name: "camera" as PermissionName })
      .then((permission) => permission.state)
      .catch(() => null);
    return classify(error, { secure: isSecureContext, permission: state });
  }
}
