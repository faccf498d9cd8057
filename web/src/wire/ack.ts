/** The answer to a command, and what a refusal becomes here. */

import type { ErrorCode, IceSettings, Room } from "./types.gen";
import type { Durable } from "../meeting/fold";

export interface Accepted {
  readonly ok: true;
  readonly seq: number;
}

export interface Declined {
  readonly ok: false;
  readonly error: { readonly code: ErrorCode; readonly message: string };
}

export type Ack<Extra = object> = (Accepted & Extra) | Declined;

/** What some commands answer beside `seq`. */
export interface Extras {
  "participant.join": { readonly sid: string; readonly snapshot: Room; readonly ice: IceSettings };
  "plane.access": {
    readonly access: {
      readonly url: string;
      readonly token: string;
      readonly address?: string | null;
    };
  };
  "ice.refresh": { readonly ice: IceSettings };
  sync: { readonly frames?: readonly Durable[]; readonly snapshot?: Room };
  "chat.history": {
    readonly messages: Room["slices"]["chat"]["messages"];
    readonly more: boolean;
  };
  "chat.search": {
    readonly messages: Room["slices"]["chat"]["messages"];
    readonly before_seq: number | null;
  };
  "chat.revisions": {
    readonly revisions: readonly { readonly at_ms: number; readonly text: string }[];
  };
}

/** `unreachable`: no answer came in time, so it may or may not have happened. */
export type RefusalCode = ErrorCode | "unreachable";

/** A command that did not succeed. The id makes sending it again safe. */
export class Refusal extends Error {
  override readonly name = "Refusal";

  constructor(
    readonly code: RefusalCode,
    message: string,
    readonly commandId: string,
  ) {
    super(message);
  }
}
