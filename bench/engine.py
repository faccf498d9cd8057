"""`make bench-engine`: instructions that the engine takes to forward a packet, without ciphers.

The room of `engine/tests/cost.rs`, twenty who see one picture, runs in virtual time under callgrind
for two lengths of time. The difference is forwarding alone: receipt, feedback, timers and sealing,
less what the ciphers took. Counted is what runs inside the room, and nothing of the clients, which
the test plays itself. On another processor the ciphers differ, and the compiler's output may. The
last line is JSON.
"""

import argparse
import json
import re
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

SHORT_S, LONG_S = 1, 4
# Counted inside these, which do not call each other.
ROOM = ("moim_engine::room::Room::settle*", "moim_engine::room::Room::datagram*")
CIPHER = re.compile(r"Cipher.*(en|de)crypt")
_FUNCTION = re.compile(r"c?fn=\((\d+)\)(?: (.+))?")


class Run(NamedTuple):
    """What one run took."""

    instructions: int
    ciphers: int
    packets: int


def run(program: Path, seconds: int) -> Run:
    """One run under callgrind."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "callgrind"
        toggles = [f"--toggle-collect={name}" for name in ROOM]
        tool = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", *toggles]
        test = ["--ignored", "--exact", "pictures_for_some_seconds", "--nocapture"]
        done = subprocess.run(
            [*tool, program, *test, "--test-threads=1"],
            env={"MOIM_BENCH_SECONDS": str(seconds), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )
        said = re.search(r"forwarded (\d+)", done.stdout)
        collected = re.search(r"Collected : (\d+)", done.stderr)
        if done.returncode or not said or not collected:
            raise SystemExit(f"callgrind ended with {done.returncode}:\n{done.stderr[-2000:]}")
        ciphers = spent_in(out.read_text(encoding="utf-8").splitlines(), CIPHER)
    if not ciphers:
        raise SystemExit("no cipher was found in what callgrind wrote: have they other names?")
    return Run(int(collected[1]), ciphers, int(said[1]))


def spent_in(lines: Iterable[str], named: re.Pattern[str]) -> int:
    """Instructions of all calls of functions with such a name, and of what they called.

    Source: Valgrind's manual, the Callgrind format: a name is given once, then its number; the
    line after `calls=` ends with what the call cost."""
    names: dict[str, str] = {}
    called, is_next, spent = "", False, 0
    for line in lines:
        if is_next:
            spent += int(line.split()[1]) if named.search(called) else 0
        is_next = line.startswith("calls=")
        function = _FUNCTION.match(line)
        if function:
            name = names.setdefault(function[1], function[2] or "")
            called = name if line.startswith("c") else called
    return spent


def main() -> int:
    parser = argparse.ArgumentParser(description="instructions of the engine for a packet")
    parser.add_argument("--program", type=Path, required=True, help="the test program `cost`")
    options = parser.parse_args()
    short, long = run(options.program, SHORT_S), run(options.program, LONG_S)
    packets = long.packets - short.packets
    ciphers = (long.ciphers - short.ciphers) / packets
    each = (long.instructions - short.instructions) / packets - ciphers
    print(f"{each:.0f} instructions for each forwarded packet, and {ciphers:.0f} of its ciphers")
    figures = {"instructions_per_packet": round(each), "cipher_instructions": round(ciphers)}
    print(json.dumps({**figures, "packets": packets}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
