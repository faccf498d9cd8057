"""`make cluster`: several moim servers, nginx, PostgreSQL and Redis on this machine, until Ctrl-C.

What `compose.yaml` starts in containers, from Debian's packages and in a temporary folder.
"""

import argparse
import asyncio
import signal
import tempfile
from pathlib import Path

from moim.own_sfu import missing
from tests.cluster.deployment import Deployment, deployed


async def main(servers: int, *, sticky: bool) -> None:
    """Start it, say where it is, and wait to be stopped."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(stopped.set))
    without_sfu = missing()
    with tempfile.TemporaryDirectory(prefix="moim-cluster-") as folder:
        everything = deployed(Path(folder), servers=servers, sticky=sticky, sfu=without_sfu is None)
        async with everything as one:
            say(one)
            if without_sfu is not None:
                print(without_sfu, flush=True)
            await stopped.wait()


def say(one: Deployment) -> None:
    """Where everything is."""
    print(f"Open  {one.proxy.origin}\n")
    for server in one.servers:
        print(f"{server.name}      {server.origin}  process {server.pid}  {server.log}")
    print(f"PostgreSQL  {one.postgres.url()}\nRedis       {one.redis.url}\n")
    print("Ctrl-C stops all of it; nothing is kept.", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="make cluster")
    parser.add_argument("--servers", type=int, default=2)
    parser.add_argument("--not-sticky", action="store_true")
    options = parser.parse_args()
    asyncio.run(main(options.servers, sticky=not options.not_sticky))
