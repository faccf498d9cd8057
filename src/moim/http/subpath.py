"""Living under a path, behind a proxy that strips it and behind one that does not."""

from starlette.types import ASGIApp, Receive, Scope, Send


class SubPath:
    """Gives every request the shape that ASGI wants: `path` begins with `root_path`.

    A server or app around us that has set `root_path` is believed, the setting is for the rest. A
    path without the prefix was stripped by a proxy, and gets it back; otherwise the routers of
    mounted apps would look for their own prefix at the wrong place.
    """

    def __init__(self, app: ASGIApp, root_path: str = "") -> None:
        self.app = app
        self.root_path = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Put the prefix in its place and pass on."""
        if scope["type"] in ("http", "websocket"):
            root = (scope.get("root_path") or self.root_path).rstrip("/")
            path: str = scope["path"]
            scope = {**scope, "root_path": root}
            if root and path != root and not path.startswith(root + "/"):
                scope["path"] = root + path
                if raw := scope.get("raw_path"):
                    scope["raw_path"] = root.encode() + raw
            elif root and path == root:
                scope["path"] = root + "/"
        await self.app(scope, receive, send)
