"""`moim turn-config`: print the configuration of the TURN server that belongs to this moim."""

import re
import secrets
from pathlib import Path
from typing import Annotated, Literal

import typer

from moim.media.turn import CoturnOptions, coturn_config
from moim.settings import SettingsError, load_settings, variable_of

SECRET_BYTES = 32
DEFAULTS = CoturnOptions(secret="", realm="")


def turn_config(
    realm: Annotated[
        str | None,
        typer.Option(help="Name of the TURN server. Left out: the one in MOIM_TURN_URLS."),
    ] = None,
    port: Annotated[int, typer.Option(help="UDP and TCP port.")] = DEFAULTS.port,
    tls_port: Annotated[int, typer.Option(help="TCP port of TLS; 443 passes most firewalls.")] = (
        DEFAULTS.tls_port
    ),
    cert: Annotated[Path | None, typer.Option(help="Certificate for TLS, a PEM file.")] = None,
    key: Annotated[Path | None, typer.Option(help="Its key, a PEM file.")] = None,
    listen: Annotated[
        list[str] | None, typer.Option(help="Address to listen on; again for more. All otherwise.")
    ] = None,
    relay: Annotated[
        list[str] | None, typer.Option(help="Address to relay with; as --listen otherwise.")
    ] = None,
    external: Annotated[
        list[str] | None,
        typer.Option(help="PUBLIC/PRIVATE address of a machine behind a 1:1 NAT, as in a cloud."),
    ] = None,
    min_port: Annotated[int, typer.Option(help="First relay port.")] = DEFAULTS.min_port,
    max_port: Annotated[int, typer.Option(help="Last relay port.")] = DEFAULTS.max_port,
    user_quota: Annotated[
        int, typer.Option(help="Relayed addresses of one participant.")
    ] = DEFAULTS.user_quota,
    total_quota: Annotated[int, typer.Option(help="Relayed addresses of all.")] = (
        DEFAULTS.total_quota
    ),
    bytes_per_s: Annotated[
        int, typer.Option(help="Bytes a second through one relayed address, each way.")
    ] = DEFAULTS.user_bytes_per_s,
    total_bytes_per_s: Annotated[
        int, typer.Option(help="Bytes a second for all together; 0 is no limit.")
    ] = DEFAULTS.total_bytes_per_s,
    family: Annotated[
        Literal["ipv4", "ipv6", "keep"],
        typer.Option(help="Relayed addresses when a browser does not say; keep is as it came."),
    ] = DEFAULTS.family,
    allow: Annotated[
        list[str] | None,
        typer.Option(help="Address or network to relay to all the same, as an SFU or the LAN."),
    ] = None,
    deny: Annotated[
        list[str] | None, typer.Option(help="Address or network never to relay to.")
    ] = None,
    log: Annotated[str, typer.Option(help="syslog, stdout or a file.")] = DEFAULTS.log,
) -> None:
    """Print a turnserver.conf for coturn: short-lived credentials, limits, no way inside.

    moim turn-config --realm turn.example.org > turnserver.conf
    """
    settings = load_settings()
    if settings.turn_secret is not None:
        secret = settings.turn_secret.get_secret_value()
    else:
        secret = secrets.token_urlsafe(SECRET_BYTES)
    name = realm or _host(settings.turn_urls) or "moim"
    options = CoturnOptions(
        secret=secret,
        realm=name,
        port=port,
        tls_port=tls_port,
        cert=cert,
        key=key,
        listening_ips=tuple(listen or ()),
        relay_ips=tuple(relay or ()),
        external_ips=tuple(external or ()),
        min_port=min_port,
        max_port=max_port,
        user_quota=user_quota,
        total_quota=total_quota,
        user_bytes_per_s=bytes_per_s,
        total_bytes_per_s=total_bytes_per_s,
        family=family,
        allow=tuple(allow or ()),
        deny=tuple(deny or ()),
        log=log,
    )
    try:
        typer.echo(coturn_config(options), nl=False)
    except ValueError as error:
        raise SettingsError(str(error)) from None
    if settings.turn_secret is None:
        urls = f"turn:{name}:{port} turn:{name}:{port}?transport=tcp"
        if cert is not None:
            urls += f" turns:{name}:{tls_port}"
        typer.echo("A new secret was made. Give these to moim:", err=True)
        typer.echo(f"{variable_of('turn_secret')}={secret}", err=True)
        typer.echo(f'{variable_of("turn_urls")}="{urls}"', err=True)


def _host(urls: tuple[str, ...]) -> str | None:
    for url in urls:
        found = re.match(r"turns?:(\[[^\]]+\]|[^:?]+)", url)
        if found:
            return found[1].strip("[]")
    return None
