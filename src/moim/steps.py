"""The start of a server, step by step as whoever starts it sees it, and the wish to end it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import uvicorn

Say = Callable[[str], None]


@dataclass
class Steps:
    """Says a line for each step of the start, with the time it took."""

    say: Say
    began: float = field(default_factory=time.perf_counter)

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Time a block; nothing is said when it fails, since the failure is."""
        before = time.perf_counter()
        yield
        self.say(f"{what} {time.perf_counter() - before:.2f} s")

    def done(self) -> None:
        """Say how long all of it took."""
        self.say(f"ready {time.perf_counter() - self.began:.2f} s")


@dataclass
class Stop:
    """The wish to stop, which may come before there is a server."""

    server: "uvicorn.Server | None" = None
    wanted: bool = False

    def __call__(self) -> None:
        if self.server is not None:
            # The second Ctrl-C does not wait for anybody.
            self.server.force_exit = self.wanted
            self.server.should_exit = True
        self.wanted = True
