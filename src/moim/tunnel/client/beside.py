"""`moim --tunnel`: the tunnel of a running moim, begun and ended with it."""

import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from moim.listening import listen
from moim.media.ways import Ways
from moim.settings import Settings
from moim.tunnel.client.door import TunnelDoor
from moim.tunnel.client.keeper import Hold, keep
from moim.tunnel.client.local import LocalServer
from moim.tunnel.client.places import PUBLIC_STUN
from moim.tunnel.client.program import hold_of, place_of
from moim.tunnel.client.reach import Up
from moim.tunnel.client.words import say_address, say_ways
from moim.tunnel.errors import TunnelError

Say = Callable[[str], None]


@dataclass
class Beside:
    """Made before moim listens, from the settings as they were given: who names no STUN server gets
    the one of the tunnel."""

    settings: Settings
    say: Say
    ways: Ways = field(default_factory=Ways)
    _hold: Hold = field(init=False)
    _local: LocalServer = field(init=False)
    _listener: socket.socket = field(init=False)
    _door: TunnelDoor | None = None
    _url: str | None = None

    def __post_init__(self) -> None:
        # A port of its own: what comes in there came through the tunnel, whatever it claims.
        listeners = listen("127.0.0.1", 0)
        (self._listener,) = listeners.tcp
        self._local = LocalServer("127.0.0.1", listeners.port)
        try:
            self._hold = hold_of(self.settings, self._local)
        except TunnelError:
            listeners.close()
            raise
        self.ways.stun = self._named_stun()

    def _named_stun(self) -> tuple[str, ...] | None:
        if "stun_urls" not in self.settings.model_fields_set:
            return None
        # "own" is this machine, which nobody behind the tunnel can ask.
        return tuple(url for url in self.settings.stun_urls if url != "own")

    @property
    def listener(self) -> socket.socket:
        """The socket that visitors are brought to; whoever serves the app listens there, too."""
        return self._listener

    def around(self, app: Any) -> TunnelDoor:
        """The app, with those who come through the tunnel told apart."""
        self._door = TunnelDoor(
            app,
            port=self._local.port,
            visitors=self._local.visitors,
            visitor_header=place_of(self.settings).visitor_header,
            root_path=self.settings.root_path,
        )
        return self._door

    async def run(self) -> None:
        """Keep the tunnel until cancelled. What it cannot do is said; the meeting goes on here."""
        named = self.ways.stun
        try:
            await keep(self._hold, lambda up: self._opened(up, named), self.say)
        except TunnelError as error:
            self.say(f"moim: {error}")
            self.say(f"moim: code {error.code}")
            self.say("moim: there is no tunnel now; on this machine everything goes on.")

    def _opened(self, up: Up, named: tuple[str, ...] | None) -> None:
        stun = named if named is not None else up.stun if up.stun is not None else (PUBLIC_STUN,)
        self.ways.stun, self.ways.turn_urls = stun, up.turn
        self.ways.turn_secret = up.turn_secret
        url = self._door.opened(up.url) if self._door else up.url
        back, self._url = self._url == url, url
        say_address(self.say, url, back=back)
        if not back:
            say_ways(self.say, stun, self.settings.turn_urls or up.turn)
            self.say("Whoever has the link comes in, until moim stops.")

    def close(self) -> None:
        """Give the port back."""
        with suppress(OSError):
            self._listener.close()
