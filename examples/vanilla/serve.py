"""moim inside another application: its own page at /vanilla, all of moim below /meet.

    python examples/vanilla/serve.py [port]

Make a room at http://localhost:8000/meet/ and open /vanilla?room=<its last part>.
"""

import sys
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import Mount, Route

from moim.app import create_app, lifespan
from moim.settings import Settings, load_settings

PAGE = Path(__file__).with_name("index.html")


async def vanilla(_: Request) -> FileResponse:
    """The page. It is of the same origin as moim, so moim's cookie is its identity."""
    return FileResponse(PAGE)


def make_app(settings: Settings) -> Starlette:
    """Any ASGI framework would do: a mount, and moim's lifespan around it."""
    moim = create_app(settings)
    routes = [Route("/vanilla", vanilla), Mount("/meet", moim)]
    return Starlette(routes=routes, lifespan=lifespan(moim))


def main() -> None:
    """Serve both. STUN is a part of `moim serve`, not of the app; one machine needs none."""
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    uvicorn.run(make_app(load_settings(stun=False)), port=port, ws="websockets-sansio")


if __name__ == "__main__":
    main()
