"""Trying again: when, how often, and what is said of it."""

import pytest

from moim.tunnel.client.keeper import keep
from moim.tunnel.client.reach import OnUp, Up
from moim.tunnel.errors import TunnelError, TunnelLost

LOST = TunnelLost("tunnel_lost", "The line is cut.")
END = TunnelError("tunnel_unused", "Nobody comes.")
HERE = Up("https://mina.tunnels.test")


class Story:
    """What the tries come to, one after the other: up and lost, or lost at once, or the end."""

    def __init__(self, *tries: str) -> None:
        self._tries = list(tries)
        self.said: list[str] = []
        self.ups: list[Up] = []
        self.pauses: list[float] = []

    async def hold(self, on_up: OnUp) -> None:
        match self._tries.pop(0):
            case "stands":
                on_up(HERE)
                raise LOST
            case "fails":
                raise LOST
            case _:
                raise END

    async def pause(self, of_s: float) -> None:
        self.pauses.append(of_s)

    async def told(self) -> None:
        with pytest.raises(TunnelError) as ended:
            await keep(self.hold, self.ups.append, self.said.append, self.pause)
        assert ended.value is END


async def test_a_tunnel_comes_back_and_each_loss_is_said_once() -> None:
    story = Story("stands", "fails", "fails", "stands", "fails", "end")
    await story.told()
    assert story.ups == [HERE, HERE]
    assert story.said == ["The line is cut. Trying again."] * 2


async def test_pauses_grow_until_it_stands_again() -> None:
    story = Story("fails", "fails", "fails", "stands", "fails", "end")
    await story.told()
    assert [round(pause) for pause in story.pauses[:2]] == [1, 2]
    assert story.pauses[2] > 3
    assert round(story.pauses[3]) == 1


async def test_what_trying_cannot_change_ends_it_at_once() -> None:
    story = Story("end")
    await story.told()
    assert story.pauses == []
    assert story.said == []
