"""A machine of its own for a program: no network but its own, names as we say, all ports free."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.programs import need, need_namespaces

ROOT = Path(__file__).parents[2]
PATIENCE_S = 480
# A tmpfs for what programs leave in the system's folders; the names are ours.
_SETUP = """
ip link set lo up
mount --bind "$1" /etc/hosts
shift
exec "$@"
"""


def run_alone(
    folder: Path,
    program: str,
    *arguments: str,
    hosts: Mapping[str, str],
    patience_s: float = PATIENCE_S,
) -> str:
    """Run a module of the tests in new namespaces; whatever it started ends with it.

    Gives what it printed; fails with all of it when it fails.
    """
    need("ip")
    need_namespaces()
    names = folder / "hosts"
    names.write_text("".join(f"{ip} {name}\n" for name, ip in hosts.items()))
    apart = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    probe = subprocess.run([*apart, "true"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip("mount and process namespaces are not allowed here")
    ours = {name: value for name, value in os.environ.items() if not name.startswith("MOIM_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}:/usr/sbin:/sbin"
    done = subprocess.run(
        [*apart, "sh", "-ec", _SETUP, "sh", str(names), sys.executable, "-m", program, *arguments],
        cwd=ROOT,
        env={**ours, "PATH": path, "HOME": str(folder), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=patience_s,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def block(page: str, name: str) -> str:
    """The code block of a page after `<!-- test: NAME -->`, as a reader would copy it."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = re.search(
        rf"<!-- test: {name} -->\n```\w*\n(?P<code>.*?)^```", text, re.DOTALL | re.MULTILINE
    )
    assert found is not None, f"{page} has no block {name}"
    return found["code"]
