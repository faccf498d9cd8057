import * as m from "../paraglide/messages.js";
import { ERROR_CODES, type ErrorCode } from "../wire/types.gen.ts";

/** What the one button under a refusal does. */
export type Way = "retry" | "reload" | "home" | "dismiss";

export interface Refusal {
  readonly text: () => string;
  readonly button: Way;
}

/** What goes wrong on this side of the wire. */
export type LocalCode = "timed_out" | "offline" | "unknown";

/** Every code that can reach a person. A code without a text does not compile. */
export const REFUSALS: Readonly<Record<ErrorCode | LocalCode, Refusal>> = {
  app_storage_full: { text: m.refusal_app_storage_full, button: "dismiss" },
  app_unknown: { text: m.refusal_app_unknown, button: "dismiss" },
  apps_full: { text: m.refusal_apps_full, button: "dismiss" },
  barred: { text: m.refusal_barred, button: "home" },
  epoch_stale: { text: m.refusal_epoch_stale, button: "retry" },
  file_name_invalid: { text: m.refusal_file_name_invalid, button: "dismiss" },
  file_unknown: { text: m.refusal_file_unknown, button: "dismiss" },
  file_infected: { text: m.refusal_file_infected, button: "dismiss" },
  file_too_large: { text: m.refusal_file_too_large, button: "dismiss" },
  file_type_refused: { text: m.refusal_file_type_refused, button: "dismiss" },
  file_unscanned: { text: m.refusal_file_unscanned, button: "retry" },
  upload_corrupt: { text: m.refusal_upload_corrupt, button: "retry" },
  upload_offset: { text: m.refusal_upload_offset, button: "retry" },
  game_full: { text: m.refusal_game_full, button: "dismiss" },
  image_unknown: { text: m.refusal_image_unknown, button: "dismiss" },
  last_host: { text: m.refusal_last_host, button: "dismiss" },
  message_deleted: { text: m.refusal_message_deleted, button: "dismiss" },
  message_unknown: { text: m.refusal_message_unknown, button: "dismiss" },
  name_invalid: { text: m.refusal_name_invalid, button: "dismiss" },
  not_author: { text: m.refusal_not_author, button: "dismiss" },
  not_host: { text: m.refusal_not_host, button: "dismiss" },
  not_playing: { text: m.refusal_not_playing, button: "dismiss" },
  not_present: { text: m.refusal_not_present, button: "dismiss" },
  not_referee: { text: m.refusal_not_referee, button: "dismiss" },
  participant_unknown: { text: m.refusal_participant_unknown, button: "dismiss" },
  reaction_unknown: { text: m.refusal_reaction_unknown, button: "dismiss" },
  reactions_full: { text: m.refusal_reactions_full, button: "dismiss" },
  right_missing: { text: m.refusal_right_missing, button: "dismiss" },
  right_of_host: { text: m.refusal_right_of_host, button: "dismiss" },
  room_full: { text: m.refusal_room_full, button: "retry" },
  room_locked: { text: m.refusal_room_locked, button: "retry" },
  seat_taken: { text: m.refusal_seat_taken, button: "retry" },
  self_target: { text: m.refusal_self_target, button: "dismiss" },
  sfu_missing: { text: m.refusal_sfu_missing, button: "dismiss" },
  text_empty: { text: m.refusal_text_empty, button: "dismiss" },
  text_too_long: { text: m.refusal_text_too_long, button: "dismiss" },
  track_unknown: { text: m.refusal_track_unknown, button: "dismiss" },
  command_malformed: { text: m.refusal_command_malformed, button: "reload" },
  command_unknown: { text: m.refusal_command_unknown, button: "reload" },
  event_refused: { text: m.refusal_event_refused, button: "reload" },
  frame_too_large: { text: m.refusal_frame_too_large, button: "dismiss" },
  identity_invalid: { text: m.refusal_identity_invalid, button: "reload" },
  identity_missing: { text: m.refusal_identity_missing, button: "reload" },
  origin_refused: { text: m.refusal_origin_refused, button: "home" },
  protocol_unsupported: { text: m.refusal_protocol_unsupported, button: "reload" },
  proxy_not_sticky: { text: m.refusal_proxy_not_sticky, button: "home" },
  rate_limited: { text: m.refusal_rate_limited, button: "retry" },
  room_unknown: { text: m.refusal_room_unknown, button: "home" },
  csrf_failed: { text: m.refusal_csrf_failed, button: "reload" },
  host_link_invalid: { text: m.refusal_host_link_invalid, button: "home" },
  image_too_large: { text: m.refusal_image_too_large, button: "dismiss" },
  image_type_refused: { text: m.refusal_image_type_refused, button: "dismiss" },
  image_unreadable: { text: m.refusal_image_unreadable, button: "dismiss" },
  page_not_found: { text: m.refusal_page_not_found, button: "home" },
  quota_reached: { text: m.refusal_quota_reached, button: "dismiss" },
  busy: { text: m.refusal_busy, button: "retry" },
  internal: { text: m.refusal_internal, button: "retry" },
  server_stopping: { text: m.refusal_server_stopping, button: "retry" },
  sfu_unreachable: { text: m.refusal_sfu_unreachable, button: "retry" },
  storage_failed: { text: m.refusal_storage_failed, button: "retry" },
  storage_full: { text: m.refusal_storage_full, button: "dismiss" },
  unavailable: { text: m.refusal_unavailable, button: "retry" },
  timed_out: { text: m.refusal_timed_out, button: "retry" },
  offline: { text: m.refusal_offline, button: "retry" },
  unknown: { text: m.refusal_unknown, button: "retry" },
};

export const WAYS: Readonly<Record<Way, () => string>> = {
  retry: m.retry,
  reload: m.reload,
  home: m.go_home,
  dismiss: m.dismiss,
};

const LOCAL_CODES: readonly string[] = ["timed_out", "offline", "unknown"] satisfies LocalCode[];

/** The refusal behind anything thrown; a code that we do not know is `unknown`, never shown raw. */
export function refusalOf(error: unknown): Refusal {
  return REFUSALS[codeOf(error)];
}

export function codeOf(error: unknown): ErrorCode | LocalCode {
  const code =
    typeof error === "string"
      ? error
      : typeof error === "object" && error !== null && "code" in error
        ? error.code
        : null;
  if (typeof code !== "string") return "unknown";
  if (code === "unreachable") return "timed_out";
  if ((ERROR_CODES as readonly string[]).includes(code) || LOCAL_CODES.includes(code)) {
    return code as ErrorCode | LocalCode;
  }
  return "unknown";
}
