"""`make help`: the targets of the Makefile, each with the text behind its `##`."""

import re
from pathlib import Path

MAKEFILE = Path(__file__).resolve().parents[1] / "Makefile"
_TARGET = re.compile(r"^([a-z][a-z-]*):.*?## (.+)$", re.MULTILINE)


def targets(makefile: str) -> dict[str, str]:
    return dict(_TARGET.findall(makefile))


if __name__ == "__main__":
    found = targets(MAKEFILE.read_text(encoding="utf-8"))
    width = max(map(len, found))
    for name, text in found.items():
        print(f"  make {name:<{width}}  {text}")
