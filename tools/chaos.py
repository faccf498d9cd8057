"""`make chaos SECONDS=3600`: several servers in a storm; the last line is what came of it."""

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path

from tests.chaos.storm import LONG, storm


def main() -> int:
    """Exit code 1 when anything acknowledged was lost, doubled or reordered."""
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--servers", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="moim-chaos-") as folder:
        report = asyncio.run(storm(Path(folder), options.seconds, LONG, options.servers))
    print(json.dumps(report.line()), flush=True)
    return 0 if report.verdict.clean else 1


if __name__ == "__main__":
    sys.exit(main())
