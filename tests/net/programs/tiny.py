"""A server with everything of `moim.serve` and an app that only says what it was asked."""

import asyncio
import sys
from pathlib import Path
from typing import Any

from moim.serve import run
from moim.settings import Settings, load_settings


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def tiny(scope: dict[str, Any], receive: Any, send: Any) -> None:
    match scope["type"]:
        case "lifespan":
            while (message := await receive())["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            assert message["type"] == "lifespan.shutdown"
            say("app stopped")
            await send({"type": "lifespan.shutdown.complete"})
        case "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.send", "text": scope["scheme"]})
            while (await receive())["type"] != "websocket.disconnect":
                pass
        case _:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            body = f"{scope['scheme']} {scope['path']} {scope['client'][0]}".encode()
            hang = scope["path"] == "/hang"
            await send({"type": "http.response.body", "body": body, "more_body": hang})
            if hang:
                await asyncio.sleep(3600)


def make_tiny(_settings: Settings) -> Any:
    return tiny


if __name__ == "__main__":
    settings = load_settings(
        data_dir=Path(sys.argv[1]), port=int(sys.argv[2]), lan="--lan" in sys.argv
    )
    sys.exit(run(settings, say=say, make_app=make_tiny))
