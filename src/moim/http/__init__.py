"""The plain HTTP door: server-rendered pages, files, health. `wiring.add_pages` is the way in."""
