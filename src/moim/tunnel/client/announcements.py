"""The public address in what a provider says on its SSH session.

    abcdef.lhr.life tunneled with tls termination, https://abcdef.lhr.life        localhost.run
    Forwarding HTTP traffic from https://abcdef.serveo.net                        Serveo
    HTTP: http://abcdef.example.org   HTTPS: https://abcdef.example.org           sish
    https://abcdef.a.free.pinggy.link                                             Pinggy

Among these stand links to documentation, consoles and QR codes. The rule: the root of a host that
is not the provider's own; a line that says what it is about wins over one that does not, and HTTPS
over HTTP.
"""

import re
from typing import Final
from urllib.parse import urlsplit

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_URL = re.compile(r"https?://[^\s\"'<>|\\,]+")
_TELLING = re.compile(
    r"tunneled with tls termination|forwarding https? traffic from|^\s*https?:\s+https?://",
    re.IGNORECASE,
)
_PROVIDERS_OWN: Final = ("admin.", "console.", "dashboard.", "docs.", "status.", "www.")
LONGEST_LINE: Final = 4096


def plain(line: str) -> str:
    """A line without colours and other escapes."""
    return _ESCAPES.sub("", line[:LONGEST_LINE]).strip()


class Announcements:
    """Reads line after line; `url` is the best address so far, None before there is one."""

    def __init__(self, provider: str) -> None:
        self._provider = provider.lower()
        self._rank = (0, 0)
        self.url: str | None = None

    def read(self, line: str) -> bool:
        """True when the address is another one now. A telling line replaces an older one: free
        names of localhost.run change from time to time while the session lasts."""
        text = plain(line)
        telling = bool(_TELLING.search(text))
        best, rank = None, (0, 0)
        for found in _URL.findall(text):
            url = self._root(found)
            if url is None:
                continue
            here = (int(telling), int(url.startswith("https:")))
            if here > rank:
                best, rank = url, here
        if best is None or rank < self._rank or best == self.url:
            return False
        if not telling and self.url is not None and rank == self._rank:
            return False
        self.url, self._rank = best, rank
        return True

    def _root(self, found: str) -> str | None:
        try:
            parts = urlsplit(found.rstrip(".;)"))
            host, port = parts.hostname, parts.port
        except ValueError:
            return None
        if not host or parts.path not in ("", "/") or parts.query or parts.fragment or "@" in found:
            return None
        if host == self._provider or host.startswith(_PROVIDERS_OWN):
            return None
        return f"{parts.scheme}://{host}" + (f":{port}" if port else "")
