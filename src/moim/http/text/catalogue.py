"""The shape of a catalogue: a text that is missing in one language fails the type check.

Texts with something in them are functions, so that a language says where it goes. A name is never
given a particle: Korean puts it in a line of its own or before 님.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Literal

from moim.meeting.errors import ErrorCode

Locale = Literal["en", "ko"]


@dataclass(frozen=True, slots=True)
class ErrorText:
    """What happened, and why or what next: a title and at most two sentences."""

    title: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorTexts:
    """One text for each code of `moim.meeting.errors`; the field is the code."""

    app_storage_full: ErrorText
    app_unknown: ErrorText
    apps_full: ErrorText
    barred: ErrorText
    epoch_stale: ErrorText
    file_name_invalid: ErrorText
    file_unknown: ErrorText
    file_infected: ErrorText
    file_too_large: ErrorText
    file_type_refused: ErrorText
    file_unscanned: ErrorText
    upload_corrupt: ErrorText
    upload_offset: ErrorText
    game_full: ErrorText
    image_unknown: ErrorText
    last_host: ErrorText
    message_deleted: ErrorText
    message_unknown: ErrorText
    name_invalid: ErrorText
    not_author: ErrorText
    not_host: ErrorText
    not_playing: ErrorText
    not_present: ErrorText
    not_referee: ErrorText
    participant_unknown: ErrorText
    reaction_unknown: ErrorText
    reactions_full: ErrorText
    right_missing: ErrorText
    right_of_host: ErrorText
    room_full: ErrorText
    room_locked: ErrorText
    seat_taken: ErrorText
    self_target: ErrorText
    sfu_missing: ErrorText
    text_empty: ErrorText
    text_too_long: ErrorText
    track_unknown: ErrorText
    command_malformed: ErrorText
    command_unknown: ErrorText
    event_refused: ErrorText
    frame_too_large: ErrorText
    identity_invalid: ErrorText
    identity_missing: ErrorText
    origin_refused: ErrorText
    protocol_unsupported: ErrorText
    proxy_not_sticky: ErrorText
    rate_limited: ErrorText
    room_unknown: ErrorText
    csrf_failed: ErrorText
    host_link_invalid: ErrorText
    image_too_large: ErrorText
    image_type_refused: ErrorText
    image_unreadable: ErrorText
    page_not_found: ErrorText
    quota_reached: ErrorText
    busy: ErrorText
    internal: ErrorText
    server_stopping: ErrorText
    storage_failed: ErrorText
    storage_full: ErrorText
    unavailable: ErrorText
    sfu_unreachable: ErrorText

    def of(self, code: ErrorCode) -> ErrorText:
        """The text of a code."""
        found = getattr(self, code.value)
        assert isinstance(found, ErrorText)  # noqa: S101 - narrows, the check below proved it
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Everything that the pages say in one language."""

    locale: Locale
    product: str
    tagline: str
    skip: str
    language_label: str
    language_name: str
    other_home: str

    home_title: str
    home_lead: str
    create_heading: str
    room_name: str
    room_name_example: str
    room_name_invalid: str
    visibility: str
    unlisted: str
    unlisted_hint: str
    listed: str
    listed_hint: str
    create: str
    join_heading: str
    join_label: str
    join_hint: str
    join: str
    join_not_understood: str
    rooms_heading: str
    rooms_lead: str
    rooms_empty: str
    rooms_loading: str
    rooms_failed: str
    inside: Callable[[int], str]
    nobody_inside: str
    locked: str
    full: str

    room_description: str
    not_loaded: str
    not_loaded_text: str
    reload: str
    script_needed: str
    script_needed_text: str
    your_links: str
    your_links_text: str
    guest_link: str
    guest_link_hint: str
    host_link: str
    host_link_hint: str

    host_title: str
    host_text: str
    host_hint: str
    host_button: str

    unsupported_title: str
    unsupported_text: str
    unsupported_list: str
    unsupported_ios: str

    not_built: str

    go_home: str
    try_again: str
    go_back: str
    error_code: str

    errors: ErrorTexts


_without_text = {code.value for code in ErrorCode} ^ {field.name for field in fields(ErrorTexts)}
if _without_text:  # at start-up, not when the first person meets the code
    raise AssertionError(f"codes and texts differ: {sorted(_without_text)}")
