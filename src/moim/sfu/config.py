"""The configuration: the part of LiveKit's own YAML that this server has, and nothing else.

    port: 7880                      keys: {devkey: secret}          rtc: {udp_port: 7882}
    room: {empty_timeout: 300}      limit: {max_metadata_size: …}   webhook: {api_key: devkey, …}

A deployment's file can be taken as it is: what moim does not have is named in a warning, never
passed over in silence. `LIVEKIT_CONFIG` holds such a file's text, `LIVEKIT_KEYS` lines of
`key: secret`, and the other variables are those of LiveKit's own server.
Source: livekit config-sample.yaml, cmd/server (the names of the environment variables).
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, IPvAnyAddress, ValidationError

DEV_KEYS: Final = {"devkey": "secret"}
KIB: Final = 1024


class ConfigError(Exception):
    """A configuration that cannot be used: its text names the key and the fix.

    Code: `sfu_config_invalid`.
    """

    code = "sfu_config_invalid"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


Port = Annotated[int, Field(ge=0, le=65_535)]
Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0)]


def _words(value: object) -> object:
    """One address, or one of each family with a comma between, as LiveKit takes them."""
    if not isinstance(value, str):
        return value
    return tuple(word.strip() for word in value.split(",") if word.strip())


class TurnServer(_Part):
    """A TURN server that clients are told of.

    With a `secret` shared with it, each client gets a credential of its own that holds for `ttl`
    seconds; without, all get the same `username` and `credential`.
    """

    host: str
    port: Port = 3478
    protocol: Literal["udp", "tcp", "tls"] = "udp"
    username: str = ""
    credential: str = ""
    secret: str = ""
    ttl: Annotated[int, Field(ge=300, le=86_400)] = 4 * 3600

    @property
    def url(self) -> str:
        scheme = "turns" if self.protocol == "tls" else "turn"
        transport = "udp" if self.protocol == "udp" else "tcp"
        return f"{scheme}:{self.host}:{self.port}?transport={transport}"


class Rtc(_Part):
    """Where media goes; one UDP port serves every client, one TCP port those without UDP."""

    udp_port: Port = 7882
    # None is the number of the UDP port, 0 none at all.
    tcp_port: Port | None = None
    node_ip: Annotated[tuple[IPvAnyAddress, ...], BeforeValidator(_words)] = ()
    stun_servers: tuple[str, ...] = ()
    turn_servers: tuple[TurnServer, ...] = ()


class EnabledCodec(_Part):
    mime: str
    fmtp_line: str = ""


class RoomDefaults(_Part):
    """What a room is when its token or CreateRoom says nothing else."""

    auto_create: bool = True
    empty_timeout: Seconds = 300
    departure_timeout: Seconds = 20
    max_participants: Count = 0
    enable_remote_unmute: bool = False
    enabled_codecs: tuple[EnabledCodec, ...] = tuple(
        EnabledCodec(mime=mime)
        for mime in ("audio/opus", "video/vp8", "video/h264", "video/vp9", "video/av1")
    )


class Limits(_Part):
    """0 is no limit, as in LiveKit."""

    max_metadata_size: Count = 512 * KIB
    max_attributes_size: Count = 64 * KIB
    max_room_name_length: Count = 256
    max_participant_identity_length: Count = 256
    max_participant_name_length: Count = 256
    num_tracks: Count = 0
    subscription_limit_video: Count = 0
    subscription_limit_audio: Count = 0


class Webhook(_Part):
    api_key: str = ""
    urls: tuple[str, ...] = ()


def _addresses(value: object) -> object:
    return tuple(address or "0.0.0.0" for address in value) if isinstance(value, list) else value  # noqa: S104


class SfuConfig(_Part):
    """Everything that an operator can choose."""

    port: Port = 7880
    bind_addresses: Annotated[tuple[str, ...], BeforeValidator(_addresses)] = ("0.0.0.0",)  # noqa: S104
    keys: dict[str, str] = Field(default_factory=dict)
    rtc: Rtc = Rtc()
    room: RoomDefaults = RoomDefaults()
    limit: Limits = Limits()
    webhook: Webhook = Webhook()
    prometheus_port: Port = 0
    region: str = ""
    # Ours, not LiveKit's: the path that the server lives under, when it is mounted somewhere.
    path: str = ""


def read_config(
    text: str, environ: Mapping[str, str], *, dev: bool = False
) -> tuple[SfuConfig, list[str]]:
    """Read a YAML text and the environment; gives the configuration and the keys passed over.

    Raises: ConfigError
    """
    values = _document(text or environ.get("LIVEKIT_CONFIG", ""), "the configuration")
    if environ.get("LIVEKIT_KEYS"):
        values["keys"] = _document(environ["LIVEKIT_KEYS"], "LIVEKIT_KEYS")
    for variable, path in _VARIABLES.items():
        if environ.get(variable):
            part = values
            for name in path[:-1]:
                part = part.setdefault(name, {})
            part[path[-1]] = environ[variable]
    if dev:
        values.setdefault("keys", DEV_KEYS)
        values.setdefault("bind_addresses", ["127.0.0.1"])
    if isinstance(values.get("keys"), dict):
        # A key or a secret of digits alone is a number to YAML.
        values["keys"] = {str(key): str(secret) for key, secret in values["keys"].items()}
    try:
        config = SfuConfig.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{where}: {first['msg']}. Correct it and start again.") from error
    if not config.keys:
        raise ConfigError(
            "There is no key yet. Give one as LIVEKIT_KEYS='key: secret' or under `keys:`, or "
            "start with --dev to try it out."
        )
    hook = config.webhook
    if hook.urls and hook.api_key not in config.keys:
        raise ConfigError("webhook.api_key: name one of the keys under `keys:`; it signs webhooks.")
    return config, sorted(_passed_over(values, SfuConfig, ""))


_VARIABLES: Final = {
    "NODE_IP": ("rtc", "node_ip"),
    "UDP_PORT": ("rtc", "udp_port"),
    "LIVEKIT_REGION": ("region",),
}


def _document(text: str, what: str) -> dict[str, Any]:
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark is not None else ""
        raise ConfigError(f"{what} is no YAML{line}. Correct it and start again.") from error
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ConfigError(f"{what} should be lines of `name: value`. Correct it and start again.")
    return value


def _passed_over(values: Mapping[str, Any], model: type[BaseModel], prefix: str) -> list[str]:
    """Name each key that the model does not have, at any depth; keys of lists are not looked at."""
    unknown = []
    for name, value in values.items():
        field = model.model_fields.get(str(name))
        if field is None:
            unknown.append(f"{prefix}{name}")
        elif (
            isinstance(value, dict)
            and isinstance(field.annotation, type)
            and issubclass(field.annotation, BaseModel)
        ):
            unknown += _passed_over(value, field.annotation, f"{prefix}{name}.")
    return unknown
