"""The links of a room just made, carried to its page in a cookie of ten minutes.

The address bar never holds the host's secret, and the server keeps its hash only; so this is the
one time that it can be shown.
"""

from dataclasses import dataclass

from itsdangerous import BadSignature
from starlette.requests import Request
from starlette.responses import Response

from moim.http.identity import set_cookie
from moim.http.ports import RoomMade
from moim.http.site import Site

COOKIE = "moim_made"
AGE_S = 600


@dataclass(frozen=True, slots=True)
class RoomLinks:
    """Both links of a room, as whole addresses."""

    guest: str
    host: str


def carry_links(response: Response, request: Request, site: Site, made: RoomMade) -> None:
    """Put the secret into the cookie that only the room's page is sent."""
    value = site.identities.flash("made").sign(f"{made.slug} {made.host_secret}").decode()
    path = site.links(request).room(made.slug)
    set_cookie(response, request, COOKIE, value.replace(" ", "~"), AGE_S, path)


def carried_links(request: Request, site: Site, slug: str) -> RoomLinks | None:
    """The links, when this reader made the room in the last ten minutes."""
    value = request.cookies.get(COOKIE, "").replace("~", " ")
    try:
        signed = site.identities.flash("made").unsign(value, max_age=AGE_S).decode()
    except (BadSignature, UnicodeDecodeError):
        return None
    made_slug, _, secret = signed.partition(" ")
    if made_slug != slug:
        return None
    links = site.links(request)
    return RoomLinks(links.guest(slug), links.host(slug, secret))
