import { type CallPicture, QualityMeter } from "../media/quality.ts";
import type { MediaSession } from "../media/session.ts";
import { Strain, type Strained } from "../media/strain.ts";

/** The call as it is measured, once a second, and the easing of what it does not bear. */
export class Measured {
  picture = $state.raw<CallPicture | null>(null);
  /** What does not bear our whole picture, so that less of it is sent. */
  strained = $state<Strained | null>(null);
  #meter: QualityMeter;

  constructor(session: MediaSession) {
    const strain = new Strain();
    this.#meter = new QualityMeter(session);
    this.#meter.on("picture", (picture) => {
      this.picture = picture;
      if (!strain.look(picture)) return;
      session.ease(strain.ease);
      this.strained = strain.reason;
    });
  }

  close(): void {
    this.#meter.stop();
  }
}
