"""Whether a server that is quiet is gone, as the machine that it ran on knows at once."""

import asyncio
from typing import Final
from urllib.parse import urlsplit

PATIENCE_S: Final = 0.5
_PORTS: Final = {"http": 80, "https": 443}


async def nobody_listens(url: str) -> bool:
    """Whether a connection to that address is refused: no program has its port open any more.

    One that is slow, or was stopped for a while, is still connected to by its machine, and so is
    another one in its place. Where nothing answers at all, nothing is known.

    Source: RFC 9293, section 3.10.7.1 (a segment that arrives for no connection is reset).
    """
    parts = urlsplit(url)
    port = parts.port or _PORTS.get(parts.scheme)
    if not parts.hostname or port is None:
        return False
    try:
        async with asyncio.timeout(PATIENCE_S):
            _, writer = await asyncio.open_connection(parts.hostname, port)
    except ConnectionRefusedError:
        return True
    except (OSError, TimeoutError):
        return False
    writer.close()
    return False
