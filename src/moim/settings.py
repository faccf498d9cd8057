"""Every setting of moim: one frozen model, read once by the composition root.

Each field is an environment variable, `MOIM_` and the field's name in capitals. None is needed to
start a meeting. A name that does not exist and a value that cannot be used stop the start with the
variable's name and what to do, because a setting that is silently ignored is found out too late.
"""

import difflib
import ipaddress
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from moim import platform

PREFIX = "MOIM_"
KEY_FILE = "secret.key"
KEY_BYTES = 32
MIB = 1024 * 1024
HOST_AND_PORT = r"(\[[0-9A-Fa-f:.]+\]|[^\s/?:\[\]]+)(:\d{1,5})?"


class SettingsError(Exception):
    """A setting that cannot be used: its text names the variable and the fix.

    Code: `settings_invalid`.
    """

    code = "settings_invalid"


def _split(value: object) -> object:
    """Read "a, b c" from an environment variable as a list; JSON in a variable is easy to break."""
    if isinstance(value, str):
        return tuple(part for part in re.split(r"[\s,]+", value) if part)
    return value


def _none(value: object) -> object:
    """Read "none" as no value: an environment variable cannot say it otherwise."""
    return None if value in ("none", "off") else value


_DOMAIN = re.compile(
    r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+(?!\d+$)[a-z0-9-]{1,62}[a-z0-9]"
)
_NAMED_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?")

Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Port = Annotated[int, Field(ge=0, le=65_535)]
Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0)]


class Settings(BaseSettings):
    """What an operator can choose; the descriptions below are the table of the documentation."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="forbid", validate_default=True
    )

    # Where it lives
    data_dir: Path = Field(
        default_factory=platform.data_folder,
        description="Folder of the database, files, images and keys. Made when missing.",
        json_schema_extra={"default_text": "the system's own data folder"},
    )
    database_url: str = Field(
        default_factory=lambda done: sqlite_url(done.get("data_dir", Path())),
        description="Where rooms and messages are kept, as an SQLAlchemy address with an async "
        "driver.",
        json_schema_extra={"default_text": "SQLite in the data folder"},
    )
    redis_url: str | None = Field(
        default=None,
        description="Redis that carries news between several servers of one deployment, such as "
        "`redis://redis:6379/0`. They share `MOIM_DATABASE_URL` (PostgreSQL), `MOIM_SECRET` and "
        "`MOIM_DATA_DIR`.",
    )
    node: str | None = Field(
        default=None,
        description="Name of this server among several, such as `moim-1`: the proxy leads what is "
        "below `/livekit/n/moim-1/` to it alone. With `MOIM_NODE_URL` each has an SFU.",
    )
    node_url: str | None = Field(
        default=None,
        description="Where the other servers reach this one, past the proxy, such as "
        "`http://moim-1:3000`.",
    )
    node_public_url: str | None = Field(
        default=None,
        description="Where browsers reach this one's SFU past the proxy, such as "
        "`https://moim-1.example.org`; where they cannot, they come by the proxy. The address of "
        "the whole deployment is `MOIM_PUBLIC_URL`.",
    )
    secret: SecretStr | None = Field(
        default=None,
        description="The key that signs identities, at least 32 characters; the same on all "
        "servers of one deployment.",
        json_schema_extra={"default_text": "made once, kept in the data folder"},
    )

    # How it is reached
    host: str = Field(
        default="localhost",
        description="Name or address to listen on; `0.0.0.0` or `::` is every one. Browsers give a "
        "camera to pages over HTTPS or on localhost only.",
    )
    lan: bool = Field(
        default=False,
        description="Serve the local network: listens everywhere, with HTTPS from a local CA.",
    )
    domain: Names = Field(
        default=(),
        description="Names of this server on the internet, such as `meet.example.org`: listens "
        "everywhere, with HTTPS from a public certificate authority.",
    )
    acme_email: str | None = Field(
        default=None,
        description="Address at which the certificate authority of `MOIM_DOMAIN` may reach you.",
    )
    acme_agree: bool = Field(
        default=False,
        description="You agree to the terms of the certificate authority of `MOIM_DOMAIN`.",
    )
    acme_directory: str = Field(
        default="https://acme-v02.api.letsencrypt.org/directory",
        description="The certificate authority: address of its ACME directory (RFC 8555).",
    )
    acme_ca_file: Path | None = Field(
        default=None,
        description="Certificate that vouches for the ACME directory itself, where that is a "
        "private one.",
    )
    cert: Path | None = Field(
        default=None,
        description="Your own certificate with its chain (PEM): listens everywhere, with HTTPS. "
        "Read again when it changes.",
    )
    key: Path | None = Field(
        default=None,
        description="The key of `MOIM_CERT`, when it is not in the same file.",
        json_schema_extra={"default_text": "the file of `MOIM_CERT`"},
    )
    port: Port = Field(
        default_factory=lambda done: 443 if done.get("domain") else 3000,
        description="TCP port of the pages and sockets; 0 takes any free one.",
        json_schema_extra={"default_text": "`3000`; `443` with `MOIM_DOMAIN`"},
    )
    http_port: Port | None = Field(
        default_factory=lambda done: 80 if done.get("domain") else None,
        description="TCP port that sends plain HTTP on to HTTPS, and where the certificate "
        "authority looks; the world must see it as port 80.",
        json_schema_extra={"default_text": "`80` with `MOIM_DOMAIN`, else none"},
    )
    hsts: str = Field(
        default="auto",
        description="Strict-Transport-Security: `auto` is 180 days where moim itself shows a "
        "certificate that browsers trust, a number is other seconds there, `off` is never.",
    )
    root_path: str = Field(
        default="",
        description="Path that moim lives under, such as `/meet`; whether the proxy in front "
        "strips it does not matter.",
    )
    public_url: str | None = Field(
        default=None,
        description="Address that people use, such as `https://meet.example.org`, when a proxy is "
        "in front.",
    )
    trusted_proxies: Names = Field(
        default=("127.0.0.1", "::1"),
        description="Addresses or networks of proxies whose word on the visitor is believed; "
        "`unix` is whoever comes by a Unix socket, `*` is all.",
    )
    forwarded_header: Literal["x-forwarded", "forwarded"] = Field(
        default="x-forwarded",
        description="Which headers those proxies write: `X-Forwarded-*`, or `Forwarded` "
        "(RFC 7239). The other kind is never believed.",
    )
    allowed_origins: Names = Field(
        default=(),
        description="Further origins whose pages may open a socket, such as "
        "`https://www.example.org`.",
    )
    frame_ancestors: Names = Field(
        default=(),
        description="Origins that may show moim in a frame.",
    )

    # Ways between browsers
    stun: bool = Field(
        default=True,
        description="Answer STUN on a UDP port, so that browsers behind a router find each other.",
    )
    stun_port: Port = Field(
        default_factory=lambda done: done.get("port", 3000),
        description="UDP port of STUN.",
        json_schema_extra={"default_text": "the number of `MOIM_PORT`"},
    )
    stun_second_port: Annotated[Port | None, BeforeValidator(_none)] = Field(
        default=0,
        description="A second UDP port that answers STUN, by which browsers find out what kind of "
        "router they are behind; 0 takes any free one, `none` leaves it out. Behind a firewall "
        "choose one and let it pass.",
    )
    stun_urls: Names = Field(
        default=("own",),
        description="STUN servers that browsers are told; `own` is this one under the name in the "
        "reader's address bar. Nobody else's is used unless it is named here.",
    )
    turn_secret: SecretStr | None = Field(
        default=None,
        description="The secret shared with the TURN server (coturn's `static-auth-secret`), at "
        "least 32 characters. `moim turn-config` writes the server's configuration.",
    )
    turn_urls: Names = Field(
        default=(),
        description="TURN servers that relay where no direct way is, such as "
        "`turn:turn.example.org:3478 turns:turn.example.org:443`.",
    )
    turn_lifetime_s: Annotated[int, Field(ge=300, le=86_400)] = Field(
        default=3600,
        description="Seconds that a credential for the TURN server holds. Browsers in a call get "
        "the next one in time.",
    )
    ice_transport_policy: Literal["all", "relay"] = Field(
        default="all",
        description="`relay` sends every call through the TURN server, so that participants do "
        "not see each other's addresses; `all` takes a direct way where there is one.",
    )

    # A tunnel
    tunnel: str | None = Field(
        default=None,
        description="Where a tunnel makes moim public: `localhost.run`, `cloudflared`, or "
        "`user@host:port` of a machine that takes SSH tunnels.",
    )
    tunnel_name: str | None = Field(
        default=None,
        description="Name that the tunnel asks for, `name` or `name:port`; not every place gives "
        "it.",
    )
    tunnel_host_key: str | None = Field(
        default=None,
        description="Fingerprint (`SHA256:…`) that the tunnel's other end must show; without, the "
        "key seen first is held to.",
    )
    tunnel_key: Path | None = Field(
        default=None,
        description="File of the private key that the tunnel shows to the other end.",
        json_schema_extra={"default_text": "one made once, kept in the data folder"},
    )

    # The SFU
    sfu: bool = Field(
        default=True,
        description="Start moim's own SFU, where its engine is installed: meetings of more people "
        "move to it, and LiveKit clients may come.",
    )
    sfu_udp_port: Port = Field(
        default=7882,
        description="UDP port of the media of moim's own SFU; 0 takes any free one. Where it is "
        "taken, another is used, and said.",
    )
    sfu_address: str | None = Field(
        default=None,
        description="Public address of this machine for the media of moim's own SFU, where a "
        "router stands in front of it.",
        json_schema_extra={"default_text": "every address of the machine"},
    )
    livekit_url: str | None = Field(
        default=None,
        description="A LiveKit server or cluster in place of moim's own SFU, such as "
        "`wss://livekit.example.org`.",
    )
    livekit_api_key: str | None = Field(
        default=None,
        description="API key of that server. Without `MOIM_LIVEKIT_URL` it is one that moim's own "
        "SFU takes from your programs.",
    )
    livekit_api_secret: SecretStr | None = Field(
        default=None, description="The secret of `MOIM_LIVEKIT_API_KEY`."
    )

    # Meetings
    max_participants: Annotated[int, Field(ge=2, le=500)] | None = Field(
        default=None,
        description="People in one meeting. Without an SFU every browser sends to every other, so "
        "more need more upload.",
        json_schema_extra={"default_text": "50 with an SFU, 8 without"},
    )
    mesh_most: int = Field(
        default=3,
        ge=1,
        le=50,
        description="With more people than this a meeting moves from browser-to-browser to the "
        "SFU, where there is one.",
    )
    grace_s: Seconds = Field(
        default=30,
        description="Seconds that the seat of a lost connection is kept.",
    )
    away_grace_s: Seconds = Field(
        default=8,
        description="Seconds that a seat is kept after its page was closed.",
    )

    # Images
    image_max_bytes: Count = Field(default=10 * MIB, description="Largest image that is taken.")
    image_max_pixels: Count = Field(
        default=40_000_000, description="Most pixels of an image, width times height."
    )
    room_images_max_bytes: Count = Field(
        default=500 * MIB, description="Room for the images of one room, as stored."
    )

    # Files
    file_max_bytes: Count = Field(
        default=256 * MIB,
        description="Largest file that a room keeps; who is present can send larger ones directly.",
    )
    room_files_max_bytes: Count = Field(
        default=2048 * MIB, description="Room for the files of one room."
    )
    file_types: Names = Field(
        default=(),
        description="Endings of the files that rooms keep, such as `pdf, docx`; any unless named.",
    )
    file_scan_command: str | None = Field(
        default=None,
        description="Virus check: a program that is given a file's path and ends with 0 for clean, "
        "1 for infected, such as `clamdscan --no-summary --fdpass`.",
    )

    # Chat
    link_titles: bool = Field(
        default=False,
        description="Ask the pages that messages link to for their titles. The server then opens "
        "connections to addresses that anybody in a room chooses: public ones alone.",
    )

    # What one address or browser may ask of the pages
    rooms_per_hour: Count = Field(
        default=30, description="Rooms that one address or browser may create in an hour."
    )
    images_per_minute: Count = Field(
        default=30, description="Images that one address or browser may send in a minute."
    )
    files_per_minute: Count = Field(
        default=30, description="Files that one address or browser may send in a minute."
    )

    # What one participant, one address or one connection may ask of the server
    commands_per_s: Annotated[float, Field(gt=0)] = Field(
        default=20,
        description="Commands a second that one participant may send for long, over all "
        "connections.",
    )
    commands_burst: Count = Field(
        default=100, description="Commands that one participant may send at once."
    )
    address_commands_per_s: Annotated[float, Field(gt=0)] = Field(
        default=400,
        description="Commands a second that all who share one address may send for long.",
    )
    address_commands_burst: Count = Field(
        default=4000, description="Commands that all who share one address may send at once."
    )
    app_events_per_s: Annotated[float, Field(gt=0)] = Field(
        default=60, description="Mini-app events a second that one connection may send for long."
    )
    app_events_burst: Count = Field(
        default=120, description="Mini-app events that one connection may send at once."
    )
    passing_per_s: Annotated[float, Field(gt=0)] = Field(
        default=100,
        description="Passing commands (signals of a call, typing) a second that one participant "
        "may send for long.",
    )
    passing_burst: Count = Field(
        default=600,
        description="Passing commands that one participant may send at once; a mesh of eight sends "
        "some hundred when a network changes.",
    )
    connections_per_address: Count = Field(
        default=100,
        description="Open sockets from one address; people behind one router share an address.",
    )
    connections_per_participant: Count = Field(
        default=20, description="Open sockets of one participant, over all rooms."
    )
    command_max_bytes: Count = Field(
        default=128 * 1024, description="Largest command, a session description included."
    )
    app_event_max_bytes: Count = Field(
        default=64 * 1024, description="Largest mini-app event, its binary parts included."
    )
    app_event_max_depth: Count = Field(
        default=16, description="Deepest nesting of a mini-app event."
    )
    app_event_max_parts: Count = Field(
        default=64, description="Binary parts of one mini-app event."
    )
    queue_max_messages: Count = Field(
        default=1000,
        description="Messages that wait for one slow connection; it is then closed, and catches up "
        "when it is back.",
    )
    queue_max_bytes: Count = Field(
        default=8 * MIB, description="The same in bytes; one message alone may be larger."
    )
    head_timeout_s: Seconds = Field(
        default=15,
        description="Seconds that a connection may take for the head of a request, and for the "
        "handshake of HTTPS.",
    )
    poll_timeout_s: Seconds = Field(
        default=20, description="Seconds that a long-polling client may take to send a body."
    )

    # For whoever runs it
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least important log line that is written."
    )
    log_format: Literal["auto", "console", "json"] = Field(
        default="auto",
        description="How log lines look; `auto` is console on a terminal, else JSON.",
    )
    metrics_token: SecretStr | None = Field(
        default=None,
        description="What Prometheus shows to read `/metrics` (`Authorization: Bearer …`), at "
        "least 32 characters; without it there is no such page.",
    )
    dev: bool = Field(
        default=False, description="Development: reloads on save, names causes in error pages."
    )

    @property
    def secure(self) -> bool:
        """Whether moim itself speaks HTTPS."""
        return self.lan or bool(self.domain) or self.cert is not None

    @property
    def ca_certificate(self) -> Path:
        """Where the certificate of the local CA lies once `--lan` has made it, for download."""
        return self.data_dir / "lan" / "moim-ca.crt"

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        # A service that changes its working directory must not lose its database.
        return value.expanduser().absolute()

    @field_validator("log_level", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("root_path")
    @classmethod
    def _one_leading_slash(cls, value: str) -> str:
        path = "/" + value.strip("/") if value.strip("/") else ""
        if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)*", path):
            raise ValueError("write a path such as /meet")
        return path

    @field_validator("secret", "turn_secret", "metrics_token")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < KEY_BYTES:
            raise ValueError(
                f"use at least {KEY_BYTES} characters, for example {secrets.token_urlsafe(32)}"
            )
        return value

    @field_validator("domain")
    @classmethod
    def _domain_names(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        names = tuple(dict.fromkeys(one.lower().rstrip(".") for one in value))
        for one in names:
            if not _DOMAIN.fullmatch(one):
                raise ValueError(
                    f"{one!r} is no name on the internet; write meet.example.org (letters of other "
                    "scripts as xn--…)"
                )
        if names and info.data.get("lan"):
            raise ValueError("MOIM_LAN (--lan) is on, too; choose one of the two")
        return names

    @field_validator("acme_email")
    @classmethod
    def _email(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[^@\s,]+@[^@\s,]+\.[^@\s,]+", value):
            raise ValueError("write one address, such as me@example.org")
        return value

    @field_validator("acme_directory")
    @classmethod
    def _secure_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme != "https" or not parts.hostname:
            raise ValueError("write the https:// address of an ACME directory")
        return value

    @field_validator("cert")
    @classmethod
    def _one_certificate(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is not None:
            for other in ("lan", "domain"):
                if info.data.get(other):
                    raise ValueError(f"{variable_of(other)} is set, too; choose one of the two")
        return value and value.expanduser().absolute()

    @field_validator("key")
    @classmethod
    def _with_a_certificate(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is not None and "cert" in info.data and info.data["cert"] is None:
            raise ValueError("a key alone is of no use; set MOIM_CERT (--cert), too")
        return value and value.expanduser().absolute()

    @field_validator("http_port")
    @classmethod
    def _beside_https(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is not None and not any(info.data.get(one) for one in ("lan", "domain", "cert")):
            raise ValueError("it leads to HTTPS, and there is none; set MOIM_DOMAIN or MOIM_CERT")
        if value and value == info.data.get("port"):
            raise ValueError("it must be another one than MOIM_PORT")
        return value

    @field_validator("hsts")
    @classmethod
    def _hsts(cls, value: str) -> str:
        if not re.fullmatch(r"auto|off|[1-9]\d{0,9}", value):
            raise ValueError("write auto, off or a number of seconds")
        return value

    @field_validator("database_url")
    @classmethod
    def _async_driver(cls, value: str) -> str:
        scheme = value.partition("://")[0]
        fixes = {
            "sqlite": "sqlite+aiosqlite",
            "postgres": "postgresql+asyncpg",
            "postgresql": "postgresql+asyncpg",
        }
        if scheme in fixes or "://" not in value:
            raise ValueError(f"start it with {fixes.get(scheme, 'sqlite+aiosqlite')}://")
        return value

    @field_validator("redis_url")
    @classmethod
    def _several_servers(cls, value: str | None, done: ValidationInfo) -> str | None:
        if value is None:
            return None
        if not value.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("start it with redis:// or, over TLS, with rediss://")
        if not str(done.data.get("database_url", "")).startswith("postgresql"):
            raise ValueError("several servers share a PostgreSQL; set MOIM_DATABASE_URL, too")
        return value

    @field_validator("node")
    @classmethod
    def _node_name(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}", value):
            raise ValueError("a name is of letters, digits, dots, dashes and underscores")
        return value

    @field_validator("node_url")
    @classmethod
    def _among_several(cls, value: str | None, done: ValidationInfo) -> str | None:
        if (value is None) is not (done.data.get("node") is None):
            raise ValueError(f"set it and {variable_of('node')} together")
        if value is not None and done.data.get("redis_url") is None:
            raise ValueError(f"it is for several servers; set {variable_of('redis_url')}, too")
        return value and _origin(value)

    @field_validator("node_public_url")
    @classmethod
    def _own_address(cls, value: str | None, done: ValidationInfo) -> str | None:
        if value is None:
            return None
        if "node_url" in done.data and done.data["node_url"] is None:
            raise ValueError(
                f"it is for one of several servers; set {variable_of('node')} and "
                f"{variable_of('node_url')}, too"
            )
        address = _origin(value)
        host = urlsplit(address).netloc
        if host.startswith("["):
            raise ValueError("browsers' policies have no way to write an IPv6 address; give a name")
        if not _NAMED_HOST.fullmatch(host):
            raise ValueError(f"{host!r} is no name of a host (letters of other scripts as xn--…)")
        return address

    @field_validator("public_url")
    @classmethod
    def _web_address(cls, value: str | None, done: ValidationInfo) -> str | None:
        address = value and _origin(value)
        own = done.data.get("node_public_url")
        if address and address.startswith("https:") and own and own.startswith("http:"):
            raise ValueError(
                f"pages over HTTPS cannot go to a plain {variable_of('node_public_url')}; write "
                "https:// there, too"
            )
        return address

    @field_validator("allowed_origins", "frame_ancestors")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_origin(one) for one in value)

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            if one not in ("*", "unix"):
                try:
                    ipaddress.ip_network(one)
                except ValueError:
                    raise ValueError(
                        f"{one!r} is no address or network; write 10.0.0.5 or 10.0.0.0/8"
                    ) from None
        return value

    @field_validator("stun_urls")
    @classmethod
    def _stun_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            if one != "own" and not re.fullmatch(rf"stuns?:{HOST_AND_PORT}", one):
                raise ValueError(f"{one!r} is no STUN address; write stun:stun.example.org:3478")
        return value

    @field_validator("turn_urls")
    @classmethod
    def _turn_addresses(cls, value: tuple[str, ...], done: ValidationInfo) -> tuple[str, ...]:
        for one in value:
            # Source: RFC 7065 section 3.1.
            if not re.fullmatch(rf"turns?:{HOST_AND_PORT}(\?transport=(udp|tcp))?", one):
                raise ValueError(f"{one!r} is no TURN address; write turn:turn.example.org:3478")
        if value and done.data.get("turn_secret") is None:
            raise ValueError(f"set {variable_of('turn_secret')} too, to what the server has")
        return value

    @field_validator("livekit_url")
    @classmethod
    def _livekit_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("ws", "wss", "http", "https") or not parts.hostname:
            raise ValueError("write an address such as wss://livekit.example.org")
        return value.rstrip("/")

    @field_validator("livekit_api_secret")
    @classmethod
    def _key_and_secret(cls, value: SecretStr | None, done: ValidationInfo) -> SecretStr | None:
        if (value is None) is not (done.data.get("livekit_api_key") is None):
            raise ValueError(f"set it and {variable_of('livekit_api_key')} together")
        if value is None and done.data.get("livekit_url"):
            raise ValueError(f"{variable_of('livekit_url')} needs a key and a secret")
        return value

    @field_validator("ice_transport_policy")
    @classmethod
    def _relay_needs_a_server(cls, value: str, done: ValidationInfo) -> str:
        if value == "relay" and not done.data.get("turn_urls"):
            raise ValueError(f"relay needs a TURN server: set {variable_of('turn_urls')}")
        return value


def _origin(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{value!r} is no origin; write https://meet.example.org")
    if parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError(
            f"{value!r} has more than an origin; write {parts.scheme}://{parts.hostname}"
        )
    return f"{parts.scheme}://{parts.netloc.lower()}"


def sqlite_url(data_dir: Path) -> str:
    """Give the address of the embedded database in a data folder."""
    return f"sqlite+aiosqlite:///{(data_dir.expanduser().absolute() / 'moim.db').as_posix()}"


def load_settings(**overrides: Any) -> Settings:
    """Read the settings of this process; options of the command line come in as overrides.

    Raises: SettingsError (`settings_invalid`), with one line for each variable.
    """
    problems = list(_unknown_names(os.environ))
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        settings = Settings(**given)
    except ValidationError as error:
        problems += _explained(error)
        raise SettingsError("\n".join(problems)) from None
    if problems:
        raise SettingsError("\n".join(problems))
    return settings


def variable_of(field: str) -> str:
    """Give the environment variable of a field: `port` is `MOIM_PORT`."""
    return PREFIX + field.upper()


def _unknown_names(environ: Mapping[str, str]) -> Iterator[str]:
    known = [variable_of(field) for field in Settings.model_fields]
    for name in sorted(environ):
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            asked = name.upper().removeprefix(PREFIX).lower()
            near = difflib.get_close_matches(asked, Settings.model_fields, n=1)
            hint = (
                f"did you mean {variable_of(near[0])}?"
                if near
                else "`moim settings` lists them all."
            )
            yield f"{name} is not a setting of moim; {hint}"


_SECRETS = frozenset(
    {
        "database_url",
        "livekit_api_secret",
        "metrics_token",
        "redis_url",
        "secret",
        "turn_secret",
    }
)


def _explained(error: ValidationError) -> Iterator[str]:
    for problem in error.errors(include_url=False, include_context=False):
        if problem["type"] == "default_factory_not_called":
            continue  # a default that follows from another setting, whose own fault is told
        field = str(problem["loc"][0]) if problem["loc"] else ""
        said = problem["msg"].removeprefix("Value error, ")
        # The value of a secret, and of an address with a password in it, stays out of the terminal.
        shown = "" if field in _SECRETS else f" (it is {problem['input']!r})"
        yield f"{variable_of(field)}: {said}{shown}"


def signing_key(settings: Settings) -> bytes:
    """Give the key that signs identities: MOIM_SECRET, or one made once in the data folder.

    Raises: SettingsError when the key file cannot be read or is too short to be a key.
    """
    if settings.secret is not None:
        return settings.secret.get_secret_value().encode()
    path = settings.data_dir / KEY_FILE
    try:
        if not path.exists():
            platform.create_private_file(path, secrets.token_hex(KEY_BYTES).encode())
        key = path.read_bytes().strip()
    except OSError as error:
        raise SettingsError(
            f"{path}: {error.strerror}; set {variable_of('data_dir')} to a folder that moim may "
            f"write, or {variable_of('secret')}"
        ) from None
    if len(key) < KEY_BYTES:
        raise SettingsError(
            f"{path} is too short to be a key; delete it to get a new one (people will be asked "
            "for their names again)"
        )
    return key
