"""The tree of everything that can be said "no" to. `code` is API, the message is not.

    MoimError
    ├─ Refused             the rules say no; the person hears it
    ├─ ProtocolViolation   the other end's bug: answered with a code, closed when it goes on
    └─ Unavailable         something we depend on failed; trying again may help

A bug is none of these: its task dies, it is logged once, and the meeting survives.
"""

from enum import StrEnum


class ErrorCode(StrEnum):
    """Every code that a client can meet. The web client has a text and a way out for each."""

    # the rules of a room
    APP_STORAGE_FULL = "app_storage_full"
    APP_UNKNOWN = "app_unknown"
    APPS_FULL = "apps_full"
    BARRED = "barred"
    EPOCH_STALE = "epoch_stale"
    FILE_NAME_INVALID = "file_name_invalid"
    FILE_UNKNOWN = "file_unknown"
    GAME_FULL = "game_full"
    IMAGE_UNKNOWN = "image_unknown"
    LAST_HOST = "last_host"
    MESSAGE_DELETED = "message_deleted"
    MESSAGE_UNKNOWN = "message_unknown"
    NAME_INVALID = "name_invalid"
    NOT_AUTHOR = "not_author"
    NOT_HOST = "not_host"
    NOT_PLAYING = "not_playing"
    NOT_PRESENT = "not_present"
    NOT_REFEREE = "not_referee"
    PARTICIPANT_UNKNOWN = "participant_unknown"
    REACTION_UNKNOWN = "reaction_unknown"
    REACTIONS_FULL = "reactions_full"
    RIGHT_MISSING = "right_missing"
    RIGHT_OF_HOST = "right_of_host"
    ROOM_FULL = "room_full"
    ROOM_LOCKED = "room_locked"
    SEAT_TAKEN = "seat_taken"
    SELF_TARGET = "self_target"
    SFU_MISSING = "sfu_missing"
    TEXT_EMPTY = "text_empty"
    TEXT_TOO_LONG = "text_too_long"
    TRACK_UNKNOWN = "track_unknown"
    # the doors
    COMMAND_MALFORMED = "command_malformed"
    COMMAND_UNKNOWN = "command_unknown"
    EVENT_REFUSED = "event_refused"
    FRAME_TOO_LARGE = "frame_too_large"
    IDENTITY_INVALID = "identity_invalid"
    IDENTITY_MISSING = "identity_missing"
    ORIGIN_REFUSED = "origin_refused"
    PROTOCOL_UNSUPPORTED = "protocol_unsupported"
    PROXY_NOT_STICKY = "proxy_not_sticky"
    RATE_LIMITED = "rate_limited"
    ROOM_UNKNOWN = "room_unknown"
    # pages and files
    CSRF_FAILED = "csrf_failed"
    FILE_INFECTED = "file_infected"
    FILE_TOO_LARGE = "file_too_large"
    FILE_TYPE_REFUSED = "file_type_refused"
    HOST_LINK_INVALID = "host_link_invalid"
    IMAGE_TOO_LARGE = "image_too_large"
    IMAGE_TYPE_REFUSED = "image_type_refused"
    IMAGE_UNREADABLE = "image_unreadable"
    PAGE_NOT_FOUND = "page_not_found"
    QUOTA_REACHED = "quota_reached"
    UPLOAD_CORRUPT = "upload_corrupt"
    UPLOAD_OFFSET = "upload_offset"
    # what we depend on
    BUSY = "busy"
    FILE_UNSCANNED = "file_unscanned"
    INTERNAL = "internal"
    SERVER_STOPPING = "server_stopping"
    SFU_UNREACHABLE = "sfu_unreachable"
    STORAGE_FAILED = "storage_failed"
    STORAGE_FULL = "storage_full"
    UNAVAILABLE = "unavailable"


class MoimError(Exception):
    """The root of the tree. `str(error)` is for logs and developers, never for people."""

    def __init__(self, code: ErrorCode, message: str = "") -> None:
        super().__init__(message or code.value.replace("_", " "))
        self.code = code


class Refused(MoimError):
    """The rules say no, and nothing has changed."""


class ProtocolViolation(MoimError):
    """The other end broke the protocol, and nothing has changed."""


class Unavailable(MoimError):
    """A dependency failed. What was not acknowledged did not happen; try again."""
