"""The pages on tunnels: their very commands are run, on a machine of their own.

There localhost.run is a stand-in that speaks as it does, and tunnels.example.org is ours.
"""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from moim.cli import app
from moim.tunnel.client.places import place
from moim.tunnel.server.limits import Limits
from tests.https import private_network

ROOT = Path(__file__).parents[2]
LAPTOP, SERVER = (ROOT / "docs" / "share" / f"{name}.md" for name in ("laptop", "tunnel-server"))
PATIENCE_S = 240


def block(page: Path, name: str) -> list[list[str]]:
    """The commands of the block after `<!-- test: NAME -->`, as words."""
    text = private_network.block(str(page.relative_to(ROOT)), name)
    return [shlex.split(line) for line in text.splitlines()]


@pytest.mark.network
def test_the_commands_of_the_pages_lead_from_a_laptop_to_the_world(tmp_path: Path) -> None:
    names = ("localhost", "localhost.run", "tunnels.example.org", "mina.tunnels.example.org")
    said = private_network.run_alone(
        tmp_path,
        "tests.docs.programs.from_a_laptop",
        str(tmp_path),
        hosts=dict.fromkeys(names, "127.0.0.1"),
        patience_s=PATIENCE_S,
    )
    assert "all is well" in said


@pytest.mark.parametrize("name", ["other-stun", "other-places", "any-server"])
def test_the_other_commands_are_understood(name: str) -> None:
    """Without running: each option exists, and each place is one."""
    for program, *words in block(LAPTOP, name):
        assert program == "moim"
        command = words[:1] if words[0] == "tunnel" else ["serve"]
        known = CliRunner().invoke(app, [*command, "--help"]).output
        for option in (word for word in words if word.startswith("--")):
            assert re.search(rf"{option}\b", known), option
        if "--tunnel" in words and not words[-1].startswith("--tunnel"):
            following = words[words.index("--tunnel") + 1]
            assert following.startswith("--") or place(following).host


def test_the_table_of_limits_says_what_holds() -> None:
    limits, page = Limits(), SERVER.read_text(encoding="utf-8")
    for row in (
        f"| tunnels of one user | {limits.tunnels_per_user} |",
        f"of all | {limits.connections_per_address}, {limits.connections_per_tunnel}, "
        f"{limits.connections} |",
        f"{limits.bytes_per_s // 1024**2} MiB/s for long",
        f"{limits.head_bytes // 1024} KiB, within {limits.head_s} s |",
        f"nothing moves | {limits.quiet_s // 60:.0f} minutes |",
        f"nobody visits | {limits.unused_s // 3600:.0f} hours |",
        f"was accepted | {limits.logins_per_minute} a minute |",
    ):
        assert row in page


def test_every_option_of_the_servers_table_exists() -> None:
    known = CliRunner().invoke(app, ["tunnel-server", "--help"]).output
    table = SERVER.read_text(encoding="utf-8").split("## Other set-ups")[1].split("```ini")[0]
    options = set(re.findall(r"(?<=`)--[a-z-]+", table))
    assert len(options) > 8
    assert [one for one in options if one not in known] == []
