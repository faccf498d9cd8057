"""Programs that a test needs and moim does not: found, or the test is skipped and says why."""

import os
import subprocess
import sys

import pytest

from tools.bootstrap.debian import PROGRAMS, find


def need(program: str) -> str:
    """Give the path of a program, or skip the test where there is none."""
    found = find(program)
    if found is None:
        pytest.skip(f"{program} is not here (Debian: {PROGRAMS.get(program, program)})")
    return found


def need_namespaces() -> None:
    """Skip the test where no network namespace can be made (not Linux, or not root)."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("network namespaces need root on Linux")
    done = subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("network namespaces are not allowed here")
