"""An SSH server that speaks as public providers do: names come on the session's output.

It stands in for localhost.run and sish, which no test may ask. Its words are theirs; visitors are
made by the test.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncssh


@dataclass
class Provider:
    """What it says, and who has come."""

    says: str
    port: int = 0
    refuses: bool = False
    asked: list[tuple[str, int]] = field(default_factory=list)
    people: list[asyncssh.SSHServerConnection] = field(default_factory=list)
    sessions: list["_Session"] = field(default_factory=list)

    async def visit(self, request: bytes) -> bytes:
        """A visitor's request, brought to whoever has come last, and everything that is answered.

        As these servers do it, the laptop hears nothing of where the visitor is.
        """
        host, port = self.asked[-1]
        source, sink = await self.people[-1].open_connection(host, port, host, port, encoding=None)
        sink.write(request)
        async with asyncio.timeout(20):
            answer: bytes = await source.read()
        sink.close()
        return answer

    def say(self, line: str) -> None:
        """Something new on every session."""
        for session in self.sessions:
            session.say(line)


class _Door(asyncssh.SSHServer):
    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._provider.people.append(conn)

    def begin_auth(self, username: str) -> bool:
        return username != "nokey"

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, *_: object) -> bool:
        return True

    def server_requested(self, listen_host: str, listen_port: int) -> Any:
        if self._provider.refuses:
            return False
        self._provider.asked.append((listen_host, listen_port))
        return asyncssh.SSHListener()

    def session_requested(self) -> Any:
        return _Session(self._provider)


class _Session(asyncssh.SSHServerSession[str]):
    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._channel: asyncssh.SSHServerChannel[str] | None = None

    def connection_made(self, chan: "asyncssh.SSHServerChannel[str]") -> None:
        self._channel = chan

    def shell_requested(self) -> bool:
        return True

    def session_started(self) -> None:
        self._provider.sessions.append(self)
        self.say(self._provider.says)

    def say(self, line: str) -> None:
        assert self._channel is not None
        self._channel.write(f"{line}\r\n")


@asynccontextmanager
async def provider(
    says: str,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    refuses: bool = False,
    key: str = "ssh-ed25519",
) -> AsyncIterator[Provider]:
    """Running, until the block ends."""
    made = Provider(says, refuses=refuses)
    server = await asyncssh.create_server(
        lambda: _Door(made),
        host,
        port,
        server_host_keys=[asyncssh.generate_private_key(key)],
        config=None,
    )
    made.port = server.get_port()
    try:
        yield made
    finally:
        for one in made.people:
            one.abort()
        server.close()
        await server.wait_closed()
