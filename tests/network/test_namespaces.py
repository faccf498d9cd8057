"""The networks of a test leave the machine as it was, however the test ends."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.network.namespaces import PREFIX, sweep
from tests.network.routers import Kind
from tests.network.world import World
from tests.programs import need, need_namespaces

pytestmark = pytest.mark.network

ROOT = Path(__file__).parents[2]
# A job in the background inherits that Ctrl-C is nothing to it.
PROGRAM = """
import signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from tests.network.namespaces import Namespace
Namespace("here")
print("made", flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def _namespaces() -> None:
    need_namespaces()
    need("ip")
    need("nft")


def said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout


def own_network() -> list[str]:
    """Links, addresses, routes and rules of the machine itself."""
    shown = [said("ip", "-o", what, "show") for what in ("link", "addr", "route")]
    return [*shown, said(need("nft"), "list", "ruleset")]


def left_by(process: int) -> list[str]:
    return [
        line for line in said("ip", "netns").splitlines() if line.startswith(f"{PREFIX}-{process}-")
    ]


def test_the_machines_own_network_never_changes() -> None:
    before = own_network()
    with World() as world:
        world.person(world.home(Kind.FULL_CONE))
        assert own_network() == before
    assert own_network() == before


def ended_by(how: signal.Signals) -> int:
    """A program that has made a machine and is ended; gives its process id."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"made\n"
        assert len(left_by(process.pid)) == 1
        process.send_signal(how)
        process.wait(30)
        return process.pid


def test_ctrl_c_takes_all_away() -> None:
    assert left_by(ended_by(signal.SIGINT)) == []


def test_what_a_killed_run_left_is_swept_by_the_next() -> None:
    process = ended_by(signal.SIGKILL)
    assert len(left_by(process)) == 1
    sweep()
    assert left_by(process) == []
