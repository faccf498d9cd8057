"""The machine's own way to PyPI: its index, its certificates and its proxies.

Read from where pip reads them, because that is what is set up on a machine behind a company's
mirror. Nothing here is needed on an ordinary machine.
"""

import base64
import configparser
import json
import os
import ssl
import sys
import urllib.error
import urllib.parse
import urllib.request
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

from tools.bootstrap.steps import StepFailed

PYPI = "https://pypi.org/simple"
TIMEOUT_S = 120
_JSON = "application/vnd.pypi.simple.v1+json"


def index() -> str:
    """The package index to use, without a slash at its end."""
    named = (
        os.environ.get("UV_DEFAULT_INDEX")
        or os.environ.get("UV_INDEX_URL")
        or os.environ.get("PIP_INDEX_URL")
        or _pip_setting("index-url")
    )
    return (named or PYPI).rstrip("/")


def environment() -> dict[str, str]:
    """This process's environment, with what uv and Node need to trust the same certificates."""
    env = dict(os.environ)
    env.setdefault("UV_SYSTEM_CERTS", "1")
    env.setdefault("NODE_USE_SYSTEM_CA", "1")
    env.setdefault("UV_NO_PROGRESS", "1")
    env["UV_PYTHON_DOWNLOADS"] = "never"
    env.pop("VIRTUAL_ENV", None)
    if certificates := _certificates():
        env.setdefault("SSL_CERT_FILE", certificates)
        env.setdefault("NODE_EXTRA_CA_CERTS", certificates)
    if index() != PYPI:
        env["UV_DEFAULT_INDEX"] = index()
    return env


def links(package: str) -> dict[str, str]:
    """File name -> address of every file that the index has of a package."""
    page = f"{index()}/{package}/"
    content, media_type, address = _get(page, accept=f"{_JSON}, text/html;q=0.5")
    if media_type == _JSON:
        files = json.loads(content)["files"]
        return {file["filename"]: urllib.parse.urljoin(address, file["url"]) for file in files}
    parser = _Links()
    parser.feed(content.decode(errors="replace"))
    found = (urllib.parse.urljoin(address, href).partition("#")[0] for href in parser.hrefs)
    return {urllib.parse.unquote(link.rpartition("/")[2]): link for link in found}


def download(address: str) -> bytes:
    return _get(address, accept="*/*")[0]


def _get(address: str, *, accept: str) -> tuple[bytes, str, str]:
    parts = urllib.parse.urlsplit(address)
    if parts.scheme not in {"https", "http"}:
        raise StepFailed(f"The package index must be an https address, not {address!r}.")
    headers = {"Accept": accept, "User-Agent": "moim-bootstrap"}
    if parts.username is not None:
        # urllib takes the name and password of an address for a part of the host.
        user = urllib.parse.unquote(f"{parts.username}:{parts.password or ''}")
        headers["Authorization"] = f"Basic {base64.b64encode(user.encode()).decode()}"
        parts = parts._replace(netloc=parts.netloc.rpartition("@")[2])
    request = urllib.request.Request(parts.geturl(), headers=headers)  # noqa: S310 - checked above
    context = ssl.create_default_context(cafile=_certificates())
    try:
        with urllib.request.urlopen(  # noqa: S310 - checked above
            request, timeout=TIMEOUT_S, context=context
        ) as answer:
            return answer.read(), answer.headers.get_content_type(), answer.url
    except (urllib.error.URLError, OSError) as error:
        raise StepFailed(
            f"{parts.hostname} cannot be reached: {getattr(error, 'reason', error)}.\n"
            "Check the network, or name your mirror in PIP_INDEX_URL "
            "and its certificates in SSL_CERT_FILE."
        ) from error


def _certificates() -> str | None:
    return (
        os.environ.get("SSL_CERT_FILE")
        or os.environ.get("PIP_CERT")
        or os.environ.get("REQUESTS_CA_BUNDLE")
        or _pip_setting("cert")
    )


@cache
def _pip_setting(name: str) -> str | None:
    parser = configparser.RawConfigParser()
    parser.read(_pip_files(), encoding="utf-8")
    return parser.get("global", name, fallback=None)


def _pip_files() -> list[Path]:
    """Pip's configuration files, the weakest first. Source: pip's page "Configuration"."""
    if named := os.environ.get("PIP_CONFIG_FILE"):
        return [Path(named)]
    home = Path.home()
    if sys.platform == "win32":
        roaming = Path(os.environ.get("APPDATA") or home)
        return [home / "pip" / "pip.ini", roaming / "pip" / "pip.ini"]
    config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    return [Path("/etc/pip.conf"), home / ".pip" / "pip.conf", config / "pip" / "pip.conf"]


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.hrefs: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.hrefs += [value for key, value in attrs if key == "href" and value]
