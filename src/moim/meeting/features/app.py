"""Mini-apps: small programs in frames of their own, which a host puts into the room.

A mini-app is one that moim brings (`poll`, `whiteboard`) or an HTML file among the room's files. A
host adds it, removes it, and says who may use it: everybody, or hosts alone. What it stores stays
in the room until it is removed: at most 64 keys and 64 KiB for each app, 4 KiB for each value. A
key that begins with an identity and a slash is written by that participant, or by a host.
What its frames say to each other goes from browser to browser and is never told to the server.
"""

from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal, NewType, Self

from pydantic import Field, StringConstraints

from moim.meeting.errors import ErrorCode, Refused
from moim.meeting.feature import Command, Context, Event, Feature, Frozen, Slice, Stored
from moim.meeting.ids import Identity
from moim.meeting.model import Room
from moim.meeting.text import Name

APPS_MOST = 8
KEYS_MOST = 64
VALUE_MOST = 4096
STORAGE_MOST = 64 * 1024
"""All keys and values of one app, in characters."""

AppId = NewType("AppId", str)
"""`poll` or `whiteboard`, or the file id of an HTML file of the room. Each is there once."""
SomeAppId = Annotated[
    AppId, StringConstraints(pattern=r"^(poll|whiteboard|F_[A-Za-z0-9_-]{1,62})$")
]
Users = Literal["everyone", "hosts"]


class AddApp(Command):
    """Put a mini-app into the room."""

    name_on_wire: ClassVar[str] = "app.add"
    app: SomeAppId
    name: Name
    users: Users = "everyone"


class RemoveApp(Command):
    """Take a mini-app out of the room, with all that it stored."""

    name_on_wire: ClassVar[str] = "app.remove"
    app: SomeAppId


class AllowApp(Command):
    """Say who may use a mini-app."""

    name_on_wire: ClassVar[str] = "app.allow"
    app: SomeAppId
    users: Users


class StoreInApp(Command):
    """Keep a value under a key of a mini-app, as JSON text; null takes the key away."""

    name_on_wire: ClassVar[str] = "app.store"
    app: SomeAppId
    key: str = Field(min_length=1, max_length=64)
    value: str | None = Field(max_length=4 * VALUE_MOST)


class AppAdded(Event):
    """A mini-app is in the room."""

    type: ClassVar[str] = "app.added"
    app: AppId
    name: str
    users: Users


class AppRemoved(Event):
    """It no longer is, and nothing of what it stored."""

    type: ClassVar[str] = "app.removed"
    app: AppId


class AppAllowed(Event):
    """Others may use it now."""

    type: ClassVar[str] = "app.allowed"
    app: AppId
    users: Users


class AppStored(Event):
    """A value of a mini-app has changed."""

    type: ClassVar[str] = "app.stored"
    app: AppId
    key: str
    value: str | None

    def scrubbed(self) -> Self:
        return self.but(value=None)


class MiniApp(Frozen):
    """A mini-app of the room, and what it has stored: JSON text by key."""

    app: AppId
    name: str
    users: Users
    stored: dict[str, str] = Field(default={})


class AppState(Slice):
    """The mini-apps of the room, in the order of adding."""

    apps: tuple[MiniApp, ...] = ()

    def find(self, app: AppId) -> MiniApp:
        """Raises: `app_unknown`."""
        found = next((one for one in self.apps if one.app == app), None)
        if found is None:
            raise Refused(ErrorCode.APP_UNKNOWN)
        return found

    def with_app(self, changed: MiniApp) -> "AppState":
        """The same list with one app changed in its place."""
        return AppState(apps=tuple(changed if a.app == changed.app else a for a in self.apps))


def decide(room: Room, actor: Identity, command: Command, ctx: Context) -> Iterable[Event]:
    """Raises: `not_present`, `not_host`, `app_unknown`, `apps_full`, `app_storage_full`."""
    state = app.of(room)
    if isinstance(command, StoreInApp):
        room.present(actor)
        return _store(room, actor, state.find(command.app), command)
    room.demand_host(actor)
    match command:
        case AddApp(app=added, name=name, users=users):
            if any(one.app == added for one in state.apps):
                return ()
            if len(state.apps) >= APPS_MOST:
                raise Refused(ErrorCode.APPS_FULL)
            return (AppAdded(app=added, name=name, users=users),)
        case RemoveApp(app=removed):
            return (AppRemoved(app=state.find(removed).app),)
        case AllowApp(app=allowed, users=users):
            same = state.find(allowed).users == users
            return () if same else (AppAllowed(app=allowed, users=users),)
        case _:
            raise AssertionError(f"not a command of mini-apps: {command!r}")


def _store(room: Room, actor: Identity, there: MiniApp, wanted: StoreInApp) -> Iterable[Event]:
    key, value = wanted.key, wanted.value
    owner, slash, _ = key.partition("/")
    others = bool(slash) and owner.startswith("u_") and owner != actor
    if others or there.users == "hosts":
        room.demand_host(actor)
    if there.stored.get(key) == value:
        return ()
    stored = {**there.stored, key: value or ""}
    if value is not None and (
        len(value) > VALUE_MOST
        or len(stored) > KEYS_MOST
        or sum(len(k) + len(v) for k, v in stored.items()) > STORAGE_MOST
    ):
        raise Refused(ErrorCode.APP_STORAGE_FULL)
    return (AppStored(app=there.app, key=key, value=value),)


def apply(state: AppState, stored: Stored) -> AppState:
    """The mini-apps after one event."""
    match stored.event:
        case AppAdded(app=added, name=name, users=users):
            return AppState(apps=(*state.apps, MiniApp(app=added, name=name, users=users)))
        case AppRemoved(app=removed):
            return AppState(apps=tuple(one for one in state.apps if one.app != removed))
        case AppAllowed(app=allowed, users=users):
            return state.with_app(state.find(allowed).but(users=users))
        case AppStored(app=changed, key=key, value=value):
            there = state.find(changed)
            others = {k: v for k, v in there.stored.items() if k != key}
            values = others if value is None else {**others, key: value}
            return state.with_app(there.but(stored=values))
        case _:
            return state


app = Feature(
    name="app",
    state=AppState,
    commands=(AddApp, RemoveApp, AllowApp, StoreInApp),
    events=(AppAdded, AppRemoved, AppAllowed, AppStored),
    decide=decide,
    apply=apply,
)
