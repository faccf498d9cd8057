"""Files: what was shared stays in the room, for who was away too.

A file goes straight to those present over their data channels, and into the room's store by an
upload of its own; the server announces it once it is whole, checked and on its disk. Everybody who
belongs to the room may fetch it. Whoever shared it takes it back, and hosts take back any; its name
is then scrubbed from the journal in the same transaction, and its bytes go from the disk.

A file's key is the seq of its `file.shared`. `transfer` is what its sender called it when it was
offered over the data channels, so that who has it already need not fetch it. Who has no right to
the chat shares none.
"""

from collections.abc import Iterable
from typing import Annotated, ClassVar, Final, Self

from pydantic import Field, StringConstraints

from moim.meeting.errors import ErrorCode, Refused
from moim.meeting.feature import Command, Context, Event, Feature, Frozen, Slice, Stored
from moim.meeting.file_names import FileName
from moim.meeting.ids import SYSTEM, FileId, Identity, Right, SomeFileId, SomeIdentity, SomeSeq
from moim.meeting.model import Room
from moim.meeting.text import Name

FILES_OF_A_ROOM: Final = 500
"""All of them are in the snapshot; an upload of another one is refused (`quota_reached`)."""

TransferId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class File(Frozen):
    """A stored file of this room, as its sender named it."""

    file_id: SomeFileId
    file_name: FileName
    bytes: int = Field(ge=0)
    sha256: Digest
    """SHA-256 (FIPS 180-4) of the whole file, as the server has it."""
    transfer: TransferId | None = None


class ShareFile(Command):
    """An upload has been stored."""

    name_on_wire: ClassVar[str] = "file.share"
    internal: ClassVar[bool] = True
    identity: SomeIdentity
    name: Name
    file: File


class DeleteFile(Command):
    """Take a file back: one's own, or any as a host."""

    name_on_wire: ClassVar[str] = "file.delete"
    seq: SomeSeq

    def about_seq(self) -> int:
        return self.seq


class FileShared(Event):
    """A file is in the room's store. `name` is its sender's at that time."""

    type: ClassVar[str] = "file.shared"
    identity: Identity
    name: str
    file: File | None

    def scrubbed(self) -> Self:
        return self.but(file=None)

    def file_ids(self) -> tuple[FileId, ...]:
        return () if self.file is None else (self.file.file_id,)


class FileDeleted(Event):
    """A file is gone."""

    type: ClassVar[str] = "file.deleted"
    scrubs: ClassVar[bool] = True
    about: int
    by: Identity

    def about_seq(self) -> int:
        return self.about


class SharedFile(Frozen):
    """One file as everybody sees it."""

    seq: int
    identity: Identity
    name: str
    at_ms: int
    file: File


class FileState(Slice):
    """The files of the room, oldest first."""

    files: tuple[SharedFile, ...] = ()


def decide(room: Room, actor: Identity, command: Command, ctx: Context) -> Iterable[Event]:
    """Raises: `barred`, `right_missing`, `not_present`, `file_unknown`, `not_author`."""
    match command:
        case ShareFile(identity=identity, name=name, file=shared) if actor == SYSTEM:
            # Who left before the last byte was checked has shared it all the same.
            if any(one.identity == identity for one in room.barred):
                raise Refused(ErrorCode.BARRED)
            if not room.may(identity, Right.CHAT):
                raise Refused(ErrorCode.RIGHT_MISSING)
            return (FileShared(identity=identity, name=name, file=shared),)
        case DeleteFile(seq=seq):
            room.present(actor)
            found = next((one for one in file.of(room).files if one.seq == seq), None)
            if found is None:
                raise Refused(ErrorCode.FILE_UNKNOWN)
            if found.identity != actor and not room.is_host(actor):
                raise Refused(ErrorCode.NOT_AUTHOR)
            return (FileDeleted(about=seq, by=actor),)
        case _:
            raise AssertionError(f"not a command of files: {command!r}")


def apply(state: FileState, stored: Stored) -> FileState:
    """The files after one event."""
    match stored.event:
        case FileShared(identity=identity, name=name, file=File() as shared):
            one = SharedFile(
                seq=stored.seq, identity=identity, name=name, at_ms=stored.at_ms, file=shared
            )
            return FileState(files=(*state.files, one))
        case FileDeleted(about=about):
            return FileState(files=tuple(one for one in state.files if one.seq != about))
        case _:
            return state


file = Feature(
    name="file",
    state=FileState,
    commands=(ShareFile, DeleteFile),
    events=(FileShared, FileDeleted),
    decide=decide,
    apply=apply,
)
