"""Debian's coturn with moim's configuration: nobody gets inside by it, whatever an address is
called, and the public internet is reached."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.network.special_addresses import DISGUISES, IPV4, IPV6, targets
from tests.network.turn_probe import FRIEND4, FRIEND6, SERVER4, SERVER6
from tests.programs import need, need_namespaces

pytestmark = pytest.mark.network

ROOT = Path(__file__).resolve().parents[2]
SECRET = "a secret that only these two know".replace(" ", "-")
FORBIDDEN, FAMILY_MISMATCH = 403, 443
DEADLINE_S = 120


@contextmanager
def namespace(name: str) -> Iterator[list[str]]:
    """A network of its own with both public-looking addresses; gives what runs a command in it."""
    inside = ["ip", "netns", "exec", name]
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        for setting in ("net.ipv6.conf.all.disable_ipv6=0", "net.ipv6.conf.all.accept_dad=0"):
            subprocess.run([*inside, "sysctl", "-qw", setting], check=False, capture_output=True)
        subprocess.run([*inside, "ip", "link", "set", "lo", "up"], check=True)
        for address in (f"{SERVER4}/24", f"{SERVER6}/64"):
            subprocess.run([*inside, "ip", "addr", "add", address, "dev", "lo"], check=True)
        yield inside
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


def configuration(folder: Path, *options: str) -> str:
    """What `moim turn-config` prints."""
    made = subprocess.run(
        [
            *(sys.executable, "-m", "moim", "turn-config", "--realm", "turn.example.org"),
            *("--listen", SERVER4, "--listen", SERVER6, "--log", "stdout"),
            *("--min-port", "50000", "--max-port", "50100", *options),
        ],
        env={**os.environ, "MOIM_TURN_SECRET": SECRET},
        check=True,
        capture_output=True,
        text=True,
    )
    assert not made.stderr
    # Only where it keeps its own files: two runs at once would share them.
    return f"{made.stdout}pidfile={folder}/pid\nuserdb={folder}/db\n"


@contextmanager
def coturn(inside: list[str], folder: Path, written: str) -> Iterator[Path]:
    """A running coturn, its log beside it."""
    file, log = folder / "turnserver.conf", folder / "log"
    file.write_text(written)
    with log.open("wb") as output:
        server = subprocess.Popen(
            [*inside, need("turnserver"), "-c", str(file)],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            yield log
        finally:
            server.kill()
            server.wait()


def probe(
    folder: Path,
    change: Callable[[str], str] = str,
    options: Sequence[str] = (),
    chosen: Sequence[str] = (),
) -> dict[str, Any]:
    """Start coturn in a namespace, try everything, and give what the probe found."""
    need("turnserver")
    need("ip")
    need_namespaces()
    with namespace(f"moim-turn-{os.getpid()}") as inside:
        written = change(configuration(folder, *options))
        with coturn(inside, folder, written) as log:
            done = subprocess.run(
                [*inside, sys.executable, "-m", "tests.network.turn_probe", SECRET, *chosen],
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=DEADLINE_S,
                check=False,
            )
        assert done.returncode == 0, done.stderr + log.read_text(errors="replace")[-2000:]
        assert "Bad configuration" not in log.read_text(errors="replace")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_no_special_address_is_reached_in_any_disguise_and_a_public_one_is(tmp_path: Path) -> None:
    found = probe(tmp_path)
    answers = found["answers"]
    asked = {str(target.address): target.what for target in targets()}
    assert len(asked) > len(IPV4) * len(DISGUISES) + len(IPV6)
    for address, what in asked.items():
        said = answers[address]
        assert (said["bind"], said["permit"]) == (FORBIDDEN, FORBIDDEN), (address, what, said)
        other = answers[f"{address} from IPv{6 if '.' in address and ':' not in address else 4}"]
        assert {other["bind"], other["permit"]} <= {FORBIDDEN, FAMILY_MISMATCH}, (address, other)
    for version, friend, server in ((4, FRIEND4, SERVER4), (6, FRIEND6, SERVER6)):
        assert answers[f"friend {version}"] == {
            "bind": 0,
            "permit": 0,
            "heard": True,
            "relayed": server,
        }
        assert f"{friend} by send" in found["heard"]
    expected = {f"{one} by {way}" for one in (FRIEND4, FRIEND6) for way in ("send", "channel")}
    assert set(found["heard"]) == expected
    # Where nobody could have heard it, silence would prove nothing.
    assert {"10.0.0.0", "100.64.0.1", "127.0.0.1", "169.254.169.254", "192.168.0.1"} <= set(
        found["had"]
    )
    assert {"fd00:ec2::254", "fe80::1", "2001:db8::1", "2002:a00:1::1", "64:ff9b::a00:1"} <= set(
        found["had"]
    )


def test_without_the_policy_the_same_probe_gets_inside(tmp_path: Path) -> None:
    def open_to_all(written: str) -> str:
        kept = re.sub(r"(?m)^denied-peer-ip=.*\n", "", written)
        return kept + "allow-loopback-peers\ncli-password=unused\n"

    # A few: the first address that the machine has no route to ends what 4.6.1 relays.
    inside = ("10.0.0.1", "127.0.0.1", "169.254.169.254", "fd00:ec2::254", "2002:a00:1::1")
    heard = set(probe(tmp_path, open_to_all, chosen=inside)["heard"])
    assert {f"{one} by {way}" for one in inside for way in ("send", "channel")} <= heard


def test_what_the_operator_allows_is_reached_and_its_neighbours_are_not(tmp_path: Path) -> None:
    found = probe(tmp_path, options=("--allow", "10.0.0.1", "--deny", FRIEND6))
    assert found["answers"]["10.0.0.1"]["permit"] == 0
    assert found["answers"]["10.0.0.0"]["permit"] == FORBIDDEN
    assert found["answers"]["10.128.0.0"]["permit"] == FORBIDDEN
    assert found["answers"]["friend 6"]["permit"] == FORBIDDEN
    expected = {f"{one} by {way}" for one in (FRIEND4, "10.0.0.1") for way in ("send", "channel")}
    assert set(found["heard"]) == expected
