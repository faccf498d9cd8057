"""A program of somebody else's, with moim in it twice: at /x/y, two apps deep, and at /other."""

import uvicorn
from fastapi import FastAPI

from moim.app import create_app, lifespan
from moim.settings import load_settings


def main() -> None:
    """Serve on the port of the settings; each moim has a folder of its own below theirs."""
    settings = load_settings()
    folders = [settings.data_dir / name for name in ("one", "other")]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    one, other = (create_app(load_settings(data_dir=folder)) for folder in folders)
    between = FastAPI()
    between.mount("/y", one)
    outer = FastAPI(lifespan=lifespan(one, other))
    outer.mount("/x", between)
    outer.mount("/other", other)
    uvicorn.run(outer, host="localhost", port=settings.port, ws="websockets-sansio")


if __name__ == "__main__":
    main()
