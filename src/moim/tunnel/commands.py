"""`moim tunnel` and `moim tunnel-server`: options in, one thing called, sentences out."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from moim.settings import load_settings
from moim.tunnel.client.places import DEFAULT

if TYPE_CHECKING:
    from moim.tunnel.server.users import Users

TUNNEL_OPTION = "--tunnel"

tunnel_app = typer.Typer(
    help="Make any server of this machine public.", invoke_without_command=True
)
tunnel_server_app = typer.Typer(
    help="Be the other end of tunnels, on a machine that the internet reaches.",
    invoke_without_command=True,
)

DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Folder of the database, images and keys.")
]


def with_default_place(args: Sequence[str]) -> list[str]:
    """`--tunnel` alone is `--tunnel localhost.run`."""
    result = []
    for one, following in zip(args, [*args[1:], "-"], strict=True):
        result.append(one)
        if one == TUNNEL_OPTION and following.startswith("-"):
            result.append(DEFAULT)
    return result


@tunnel_app.callback()
def tunnel(
    context: typer.Context,
    port: Annotated[
        int | None, typer.Option("--port", "-p", help="Port of the server, on this machine.")
    ] = None,
    host: Annotated[
        str, typer.Option("--host", help="Its address, where it is not this machine.")
    ] = "localhost",
    to: Annotated[
        str | None,
        typer.Option("--to", help="localhost.run, cloudflared, or user@host:port."),
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="Name to ask for.")] = None,
    host_key: Annotated[
        str | None, typer.Option("--host-key", help="Fingerprint that the other end must show.")
    ] = None,
    key: Annotated[
        Path | None, typer.Option("--key", help="Private key to show instead of moim's own.")
    ] = None,
    public_url: Annotated[
        str | None,
        typer.Option("--public-url", help="The address, where the other end does not say it."),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Print a public address for a server on this machine, and keep it until Ctrl-C."""
    if context.invoked_subcommand is not None:
        return
    settings = load_settings(
        port=port,
        tunnel=to,
        tunnel_name=name,
        tunnel_host_key=host_key,
        tunnel_key=key,
        public_url=public_url,
        data_dir=data_dir,
    )
    from moim.tunnel.client import alone

    alone.run(settings, host, say)


@tunnel_app.command("key")
def show_key(data_dir: DataDir = None) -> None:
    """Print the public key of this machine, for the other end to let in."""
    settings = load_settings(data_dir=data_dir)
    from moim.tunnel.client.own_key import own_key, tunnel_folder
    from moim.tunnel.extra import need_asyncssh

    need_asyncssh()
    key = own_key(tunnel_folder(settings.data_dir), settings.tunnel_key)
    say(key.export_public_key().decode().strip())


@tunnel_server_app.callback()
def tunnel_server(
    context: typer.Context,
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            help="Address that visitors use, such as https://tunnels.example.org; each tunnel is "
            "a sub-domain of it.",
        ),
    ] = None,
    paths: Annotated[
        bool, typer.Option("--paths", help="Tunnels are paths of the address, not sub-domains.")
    ] = False,
    cert: Annotated[
        Path | None, typer.Option("--cert", help="Certificate chain, to speak HTTPS itself.")
    ] = None,
    key: Annotated[Path | None, typer.Option("--key", help="Its private key.")] = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "0.0.0.0",  # noqa: S104
    port: Annotated[
        int | None, typer.Option("--port", help="Port for visitors: 443 with --cert, else 8080.")
    ] = None,
    plain_port: Annotated[
        int | None, typer.Option("--plain-port", help="Further port that sends on to HTTPS.")
    ] = None,
    ssh_port: Annotated[int, typer.Option("--ssh-port", help="Port for tunnels.")] = 2222,
    trusted: Annotated[
        list[str] | None,
        typer.Option("--trusted-proxy", help="Address of a proxy in front; may be repeated."),
    ] = None,
    turn: Annotated[
        bool, typer.Option("--turn/--no-turn", help="STUN and TURN for calls, by coturn.")
    ] = True,
    turn_port: Annotated[int, typer.Option("--turn-port", help="Their port, UDP and TCP.")] = 3478,
    external_ip: Annotated[
        str | None,
        typer.Option("--external-ip", help="Public address, where this machine has another one."),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Take tunnels of those whose keys were added, and bring visitors to them, until Ctrl-C."""
    if context.invoked_subcommand is not None:
        return
    settings = load_settings(data_dir=data_dir)
    from moim.tunnel.server import program

    program.run(
        program.options(
            folder=settings.data_dir,
            url=url,
            by_path=paths,
            cert=cert,
            key=key,
            host=host,
            port=port,
            plain_port=plain_port,
            ssh_port=ssh_port,
            trusted_proxies=tuple(trusted or ()),
            relay=turn,
            relay_port=turn_port,
            external_ip=external_ip,
        ),
        settings,
        say,
    )


@tunnel_server_app.command("add")
def add_user(
    name: Annotated[str, typer.Argument(help="Letters and digits; the tunnel's name.")],
    key: Annotated[
        str, typer.Argument(help="Public key, as `moim tunnel key` prints it there; or its file.")
    ],
    data_dir: DataDir = None,
) -> None:
    """Let somebody open tunnels. A second key for the same name is a second machine."""
    users = _users(data_dir)
    shown = users.add(name, key)
    say(f"{name} may open tunnels now, with the key {shown}.")


@tunnel_server_app.command("remove")
def remove_user(name: str, data_dir: DataDir = None) -> None:
    """Let somebody open tunnels no more; those that are open are closed."""
    count = _users(data_dir).remove(name)
    say(f"{name} had {count} key{'' if count == 1 else 's'} here, and has none now.")


@tunnel_server_app.command("users")
def list_users(data_dir: DataDir = None) -> None:
    """List who may open tunnels, with the fingerprints of their keys."""
    found = _users(data_dir).all()
    for user in found:
        say(f"{user.name}  {user.fingerprint}")
    if not found:
        say("Nobody may open a tunnel yet. `moim tunnel-server add NAME KEY` lets somebody.")


def _users(data_dir: Path | None) -> "Users":
    from moim.tunnel.extra import need_asyncssh

    need_asyncssh()
    from moim.tunnel.server.users import Users, users_file

    return Users(users_file(load_settings(data_dir=data_dir).data_dir))


def say(line: str) -> None:
    """Print a line at once, for those who watch a pipe, too."""
    typer.echo(line)
    sys.stdout.flush()
