import { DeviceFailure, type FailureCode } from "../media/failures.ts";
import type { About, Trouble, TroubleKind } from "./troubles.ts";

const KINDS: Readonly<Record<FailureCode, TroubleKind>> = {
  denied: "denied",
  system: "system",
  dismissed: "dismissed",
  missing: "missing",
  busy: "busy",
  insecure: "insecure",
  unsupported: "insecure",
  overconstrained: "failed",
  failed: "failed",
};

/** What is the matter with our devices, until it is over. */
export class DeviceTroubles {
  all = $state.raw<readonly Trouble[]>([]);

  add(about: About, error: unknown): Trouble {
    const kind = error instanceof DeviceFailure ? KINDS[error.code] : "failed";
    const others = this.all.filter((trouble) => trouble.about !== about);
    const trouble: Trouble = { kind, about };
    this.all = [...others, trouble];
    return trouble;
  }

  /** The answer to the one question for both devices. */
  refused(code: FailureCode): void {
    this.all = [{ kind: KINDS[code], about: "both" }];
  }

  /** A device was had after all. */
  settle(device: About): void {
    this.all = this.all.filter(({ about }) => about !== device && about !== "both");
  }

  /** The same trouble with both is said once. */
  merge(): void {
    const [first, second] = this.all;
    if (first && second && first.kind === second.kind) {
      this.all = [{ kind: first.kind, about: "both" }];
    }
  }

  clear(): void {
    this.all = [];
  }
}
