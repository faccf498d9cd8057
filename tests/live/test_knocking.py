"""A machine says at once that nobody listens; of a server that is slow it says no such thing."""

import socket

from moim.live.knocking import nobody_listens


async def test_an_address_that_somebody_has_left_is_told_from_one_that_is_slow() -> None:
    with socket.socket() as slow:
        slow.bind(("127.0.0.1", 0))
        slow.listen(1)
        url = f"http://127.0.0.1:{slow.getsockname()[1]}"
        assert not await nobody_listens(url), "it never accepts, as a process that is stopped"
    assert await nobody_listens(url)


async def test_of_an_address_that_says_nothing_nothing_is_known() -> None:
    for url in ("", "http://", "moim-2", "http://name.invalid:1", "ws://127.0.0.1"):
        assert not await nobody_listens(url), url
