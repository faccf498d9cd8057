import * as m from "../paraglide/messages.js";

/** Why a camera or microphone is not there, and for which of them it is said. */
export type TroubleKind =
  "denied" | "dismissed" | "missing" | "busy" | "insecure" | "system" | "failed";
export type About = "camera" | "microphone" | "both";

export interface Trouble {
  readonly kind: TroubleKind;
  readonly about: About;
}

type Texts = Readonly<Record<About, () => string>>;

const alike = (text: () => string): Texts => ({ camera: text, microphone: text, both: text });

/** What happened, why, and what to do next. */
const TEXTS: Readonly<Record<TroubleKind, Texts>> = {
  denied: {
    camera: m.denied_camera,
    microphone: m.denied_microphone,
    both: m.denied_both,
  },
  dismissed: {
    camera: m.dismissed_camera,
    microphone: m.dismissed_microphone,
    both: m.dismissed_both,
  },
  missing: {
    camera: m.missing_camera,
    microphone: m.missing_microphone,
    both: m.missing_both,
  },
  busy: { camera: m.busy_camera, microphone: m.busy_microphone, both: m.busy_both },
  insecure: alike(m.insecure_page),
  system: alike(m.system_denied),
  failed: alike(m.device_failed),
};

export function troubleText({ kind, about }: Trouble): string {
  return TEXTS[kind][about]();
}

/** The one button: null where trying again cannot help. */
export function troubleButton({ kind }: Trouble): string | null {
  if (kind === "insecure") return null;
  return kind === "dismissed" ? m.ask_again() : m.retry();
}
