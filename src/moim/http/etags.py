"""Whether a browser has an answer already."""

from starlette.requests import Request


def matches(request: Request, etag: str) -> bool:
    """Whether the browser has it already (RFC 9110, section 13.1.2, weak comparison)."""
    given = request.headers.get("if-none-match", "")
    return given.strip() == "*" or etag in [
        one.strip().removeprefix("W/") for one in given.split(",")
    ]
