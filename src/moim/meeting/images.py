"""Images waiting to be sent.

An upload that was checked and stored is announced by the server to its uploader alone, who may then
send it with a message. The last twenty of each identity wait; sending one takes it out.
"""

from collections.abc import Iterable
from typing import ClassVar, Literal

from pydantic import Field

from moim.meeting.errors import ErrorCode, Refused
from moim.meeting.feature import Command, Context, Event, Feature, Frozen, Slice, Stored
from moim.meeting.ids import (
    SYSTEM,
    FileId,
    Identity,
    Right,
    Role,
    SomeFileId,
    SomeIdentity,
    Stream,
    personal,
)
from moim.meeting.model import Room

IMAGES_WAITING = 20

MediaType = Literal["image/jpeg", "image/png", "image/webp", "image/gif"]


class Image(Frozen):
    """A stored, re-encoded image of this room."""

    file_id: SomeFileId
    media_type: MediaType
    width: int = Field(ge=1, le=100_000)
    height: int = Field(ge=1, le=100_000)
    bytes: int = Field(ge=1)


class CarriesImage(Event):
    """An event that sends a waiting image to others; it waits no longer."""

    type: ClassVar[str] = ""
    image: Image | None

    def file_ids(self) -> tuple[FileId, ...]:
        return () if self.image is None else (self.image.file_id,)


class AddImage(Command):
    """An upload has been stored."""

    name_on_wire: ClassVar[str] = "image.add"
    internal: ClassVar[bool] = True
    identity: SomeIdentity
    image: Image


class ImageAdded(Event):
    """An image waits for its uploader to send it."""

    type: ClassVar[str] = "image.added"
    identity: Identity
    image: Image

    def stream(self) -> Stream:
        return personal(self.identity)


class ImageState(Slice):
    """What waits, by uploader. A viewer sees only their own."""

    waiting: dict[Identity, tuple[Image, ...]] = Field(default={})


def waiting(room: Room, identity: Identity, file_id: FileId) -> Image:
    """The image that an identity may send now. Raises: `image_unknown`."""
    for candidate in image.of(room).waiting.get(identity, ()):
        if candidate.file_id == file_id:
            return candidate
    raise Refused(ErrorCode.IMAGE_UNKNOWN)


def decide(room: Room, actor: Identity, command: Command, ctx: Context) -> Iterable[Event]:
    """Raises: `not_present` when the uploader has left meanwhile, `right_missing`."""
    match command:
        case AddImage(identity=identity, image=added) if actor == SYSTEM:
            room.demand(identity, Right.CHAT)
            return (ImageAdded(identity=identity, image=added),)
        case _:
            raise AssertionError(f"not a command of images: {command!r}")


def apply(state: ImageState, stored: Stored) -> ImageState:
    """What waits after one event."""
    match stored.event:
        case ImageAdded(identity=identity, image=added):
            held = (*state.waiting.get(identity, ()), added)[-IMAGES_WAITING:]
            return ImageState(waiting={**state.waiting, identity: held})
        case CarriesImage(image=Image(file_id=file_id)):
            return _without(state, stored.actor, file_id)
        case _:
            return state


def _without(state: ImageState, identity: Identity, file_id: FileId) -> ImageState:
    if identity not in state.waiting:
        return state
    held = tuple(i for i in state.waiting[identity] if i.file_id != file_id)
    others = {i: images for i, images in state.waiting.items() if i != identity}
    return ImageState(waiting={**others, identity: held} if held else others)


def view(state: ImageState, viewer: Identity, role: Role) -> ImageState:
    """Only the viewer's own."""
    return ImageState(waiting={i: held for i, held in state.waiting.items() if i == viewer})


image = Feature(
    name="image",
    state=ImageState,
    commands=(AddImage,),
    events=(ImageAdded,),
    decide=decide,
    apply=apply,
    view=view,
)
