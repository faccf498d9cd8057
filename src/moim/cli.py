"""The command line: it reads options, calls one thing, and turns what went wrong into a sentence.

Exit codes: 0 done, 1 the doctor found a fault, 2 a setting, a port or the data cannot be used,
130 Ctrl-C before there was anything to stop.
"""

import asyncio
import io
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn, TypeVar

import typer
from typer.core import TyperGroup

from moim.listening import ListenError
from moim.settings import Settings, SettingsError, load_settings, variable_of
from moim.tunnel.commands import tunnel_app, tunnel_server_app, with_default_place
from moim.turn_config import turn_config

if TYPE_CHECKING:
    from moim.storage.database import Database

T = TypeVar("T")
UNUSABLE = 2
INTERRUPTED = 130


class _ServeByDefault(TyperGroup):
    """`moim --port 4000` is `moim serve --port 4000`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        asks_for_help = bool(args) and args[0] == "--help"
        if not asks_for_help and (not args or args[0].startswith("-")):
            args = ["serve", *args]
        if args[:1] == ["serve"]:
            args = with_default_place(args)
        return super().parse_args(ctx, args)


app = typer.Typer(
    name="moim",
    cls=_ServeByDefault,
    help="Meetings on your own server. Without a command: serve.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
)
rooms = typer.Typer(
    help="The rooms of this server; works while it runs.", invoke_without_command=True
)
app.add_typer(rooms, name="rooms")
app.command("turn-config")(turn_config)
app.add_typer(tunnel_app, name="tunnel")
app.add_typer(tunnel_server_app, name="tunnel-server")

DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Folder of the database, images and keys.")
]


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and end the process with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A pipe on Windows may be unable to say Korean or a QR code; say "?" there.
            stream.reconfigure(errors="replace")
    try:
        app(args=list(arguments) if arguments is not None else None, standalone_mode=True)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:
        code = getattr(error, "code", None)
        if not isinstance(error, OSError) and not isinstance(code, str):
            raise
        for line in str(error).splitlines():
            typer.echo(f"moim: {line}", err=True)
        if code:
            typer.echo(f"moim: code {code}", err=True)
        sys.exit(UNUSABLE)
    sys.exit(0)


@app.command()
def serve(
    port: Annotated[
        int | None, typer.Option("--port", "-p", help="TCP port of the pages; 0 is any.")
    ] = None,
    host: Annotated[
        str | None, typer.Option("--host", help="Name or address to listen on.")
    ] = None,
    lan: Annotated[
        bool | None,
        typer.Option("--lan/--no-lan", help="Serve the local network over HTTPS."),
    ] = None,
    domain: Annotated[
        list[str] | None,
        typer.Option("--domain", help="Name on the internet; gets a certificate for it."),
    ] = None,
    email: Annotated[
        str | None, typer.Option("--email", help="Your address, for the certificate authority.")
    ] = None,
    agree_terms: Annotated[
        bool | None,
        typer.Option("--agree-terms", help="You agree to the certificate authority's terms."),
    ] = None,
    http_port: Annotated[
        int | None, typer.Option("--http-port", help="Port that sends HTTP on to HTTPS.")
    ] = None,
    cert: Annotated[
        Path | None, typer.Option("--cert", help="Your own certificate with its chain (PEM).")
    ] = None,
    key: Annotated[Path | None, typer.Option("--key", help="The key of --cert.")] = None,
    data_dir: DataDir = None,
    root_path: Annotated[
        str | None, typer.Option("--root-path", help="Path that moim lives under, as /meet.")
    ] = None,
    public_url: Annotated[
        str | None, typer.Option("--public-url", help="Address that people use, behind a proxy.")
    ] = None,
    tunnel: Annotated[
        str | None,
        typer.Option(
            "--tunnel",
            metavar="[PLACE]",
            help="Make it public by a tunnel: over localhost.run where no place is named; "
            "user@host:port, or cloudflared.",
        ),
    ] = None,
    tunnel_name: Annotated[
        str | None, typer.Option("--tunnel-name", help="Name that the tunnel asks for.")
    ] = None,
    tunnel_host_key: Annotated[
        str | None,
        typer.Option("--tunnel-host-key", help="Fingerprint that its other end must show."),
    ] = None,
    stun: Annotated[
        str | None,
        typer.Option("--stun", help="STUN server that browsers ask, as stun:HOST:PORT; or none."),
    ] = None,
    log_level: Annotated[
        str | None, typer.Option("--log-level", help="debug, info, warning or error.")
    ] = None,
    dev: Annotated[bool | None, typer.Option("--dev", help="For development.")] = None,
) -> None:
    """Start the server. Everything here, and more, is a setting too: see `moim settings`."""
    settings = load_settings(
        port=port,
        host=host,
        lan=lan,
        domain=domain or None,
        acme_email=email,
        acme_agree=agree_terms,
        http_port=http_port,
        cert=cert,
        key=key,
        data_dir=data_dir,
        root_path=root_path,
        public_url=public_url,
        tunnel=tunnel,
        tunnel_name=tunnel_name,
        tunnel_host_key=tunnel_host_key,
        stun_urls=() if stun == "none" else stun,
        log_level=log_level,
        dev=dev,
    )
    from moim import serve as server

    code = server.run(settings, say=_say)
    if code:
        raise typer.Exit(code)


@app.command()
def sfu(
    dev: Annotated[
        bool,
        typer.Option("--dev", help="To try it out: on this machine, key devkey, secret secret."),
    ] = False,
    config: Annotated[
        Path | None, typer.Option("--config", help="A LiveKit configuration in YAML.")
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", "-p", help="TCP port of the signalling; 0 is any.")
    ] = None,
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], typer.Option("--log-level")
    ] = "info",
) -> None:
    """Serve LiveKit clients: the media server alone, without meetings."""
    from moim import sfu_server

    code = sfu_server.run(config_file=config, dev=dev, port=port, say=_say, log_level=log_level)
    if code:
        raise typer.Exit(code)


@rooms.callback()
def list_rooms(context: typer.Context, data_dir: DataDir = None) -> None:
    """List the rooms: name, address, listed, people inside, made and last used."""
    if context.invoked_subcommand is not None:
        return
    settings = load_settings(data_dir=data_dir)
    found = asyncio.run(_rooms(settings))
    if not found:
        _say("There is no room yet.")
        return
    from moim.addresses import last_url

    table = [("ROOM", "ADDRESS", "LISTED", "PEOPLE", "MADE", "LAST USED")]
    for room in found:
        address = f"{last_url(settings)}/r/{room.slug}"
        listed = "listed" if room.listed else "by link"
        people = f"{room.people}{' (locked)' if room.locked else ''}"
        made, used = _day(room.created_ms), _day(room.active_ms)
        table.append((room.name, address, listed, people, made, used))
    widths = [max(map(_columns, column)) for column in zip(*table, strict=True)]
    for row in table:
        cells = (
            cell + " " * (width - _columns(cell)) for cell, width in zip(row, widths, strict=True)
        )
        _say("  ".join(cells).rstrip())


@rooms.command("host-link")
def host_link(
    room: Annotated[str, typer.Argument(help="Address of the room, such as abcd-efgh-ijk.")],
    data_dir: DataDir = None,
) -> None:
    """Make a new link that turns whoever opens it first into a host, and print it."""
    settings = load_settings(data_dir=data_dir)
    slug = room.rstrip("/").rpartition("/")[2]  # the whole address is fine, too
    secret = asyncio.run(_host_link(settings, slug))
    if secret is None:
        typer.echo(f"moim: There is no room {slug}. `moim rooms` lists them.", err=True)
        raise typer.Exit(UNUSABLE)
    from moim.addresses import last_url

    _say(f"{last_url(settings)}/h/{slug}/{secret}")


@asynccontextmanager
async def _database(settings: Settings) -> "AsyncIterator[Database | None]":
    """The database of the server, which may be running beside us; None before its first start."""
    from moim.storage.database import Database
    from moim.storage.schema import bring_up_to_date

    database = Database(settings.database_url)
    if database.file is not None and not database.file.exists():
        yield None
        return
    try:
        await bring_up_to_date(database)
        yield database
    finally:
        await database.close()


async def _rooms(settings: Settings) -> Sequence[Any]:
    from moim.storage.rooms import Rooms

    async with _database(settings) as database:
        return await Rooms(database).all() if database is not None else []


async def _host_link(settings: Settings, slug: str) -> str | None:
    from moim.storage.host_links import HostLinks
    from moim.storage.rooms import Rooms

    async with _database(settings) as database:
        room = await Rooms(database).find(slug) if database is not None else None
        if database is None or room is None:
            return None
        now_ms = int(datetime.now(UTC).timestamp() * 1000)
        return await HostLinks(database).make(room.id, now_ms)


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="A new file, such as moim.backup.tar.gz.")],
    data_dir: DataDir = None,
) -> None:
    """Write rooms, messages, images, files and the key into one file, while moim runs."""
    from importlib.metadata import version as installed

    from moim import backup as module

    settings = load_settings(data_dir=data_dir)

    async def write() -> int | None:
        async with _database(settings) as database:
            if database is None:
                return None
            return await module.write(database, settings.data_dir, file, installed("moim"))

    rows = asyncio.run(_told(write()))
    if rows is None:
        typer.echo("moim: There is nothing to back up yet.", err=True)
        raise typer.Exit(UNUSABLE)
    size_mb = file.stat().st_size / 1e6
    _say(f"{rows} rows and all images and files are in {file} ({size_mb:.1f} MB).")
    _say("Whoever has it can read every message: keep it as you keep the data folder.")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="What `moim backup` has written.")],
    data_dir: DataDir = None,
) -> None:
    """Put a backup into an empty database, of whichever kind. moim must not be running."""
    from moim import backup as module
    from moim.platform import private_folder
    from moim.storage.database import Database

    settings = load_settings(data_dir=data_dir)
    private_folder(settings.data_dir)

    async def read() -> int:
        database = Database(settings.database_url)
        try:
            return await module.read(database, settings.data_dir, file)
        finally:
            await database.close()

    rows = asyncio.run(_told(read()))
    _say(f"{rows} rows, and the images and files, are back. `moim` serves them.")


async def _told(work: Awaitable[T]) -> T:
    """Turns what can be wrong with a backup into a sentence."""
    from moim.backup import BackupError
    from moim.storage.schema import SchemaTooNew

    try:
        return await work
    except (BackupError, SchemaTooNew) as error:
        raise SettingsError(f"{error}.") from None


@app.command()
def doctor(
    port: Annotated[int | None, typer.Option("--port", "-p", help="Port to look at.")] = None,
    data_dir: DataDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs, with stable ids.")] = False,
) -> None:
    """Look at everything that moim needs, and say what to do where something is missing."""
    from moim.doctor import BAD, examine

    settings = load_settings(port=port, data_dir=data_dir)
    findings = asyncio.run(examine(settings))
    well = all(finding.level != BAD for finding in findings)
    if as_json:
        told = {"ok": well, "findings": [finding.as_json() for finding in findings]}
        _say(json.dumps(told, ensure_ascii=False, indent=1))
    else:
        for finding in findings:
            _say(f"{finding.level:<5} {finding.what:<14} {finding.words}")
    if not well:
        raise typer.Exit(1)


@app.command()
def settings(
    markdown: Annotated[bool, typer.Option("--markdown", help="The table of the docs.")] = False,
) -> None:
    """List the settings with their values; environment variables set them."""
    from moim import setting_texts as texts

    if markdown:
        typer.echo(texts.settings_table(), nl=False)
        return
    now = load_settings()
    for field, info in Settings.model_fields.items():
        changed = "" if field in now.model_fields_set else "  (default)"
        _say(f"{variable_of(field)} = {texts.shown_value(now, field)}{changed}")
        _say(f"    {info.description}")


@app.command()
def trust(data_dir: DataDir = None) -> None:
    """Show how each system learns to trust the local CA of `moim --lan`."""
    from moim import lan
    from moim.addresses import last_port

    settings = load_settings(data_dir=data_dir)
    certificate = settings.ca_certificate
    if not certificate.exists():
        raise SettingsError("There is no local CA yet: `moim --lan` makes it.")
    url = lan.lan_urls(lan.this_host(), last_port(settings), settings.root_path)[0]
    _say(lan.TRUST_TEXT.format(url=f"{url}/moim-ca.crt", fingerprint=lan.fingerprint(certificate)))


@app.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as installed

    _say(f"moim {installed('moim')}")


def _say(line: str) -> None:
    typer.echo(line)
    sys.stdout.flush()  # a start that is watched through a pipe shows its lines, too


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000).astimezone().strftime("%Y-%m-%d %H:%M")


def _columns(text: str) -> int:
    """Count terminal columns: Hangul and other wide letters take two."""
    from unicodedata import east_asian_width

    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


__all__ = ["ListenError", "app", "main"]
