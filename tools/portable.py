"""Refuses calls that only some systems have, outside the one module that may make them.

ruff bans the functions that have a name of their own (`os.fork`); this sees the methods, whose
owner a linter without types cannot know: `loop.add_signal_handler`, `path.symlink_to`.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "moim"
MAY = SOURCE / "platform.py"
METHODS = {
    "add_signal_handler": "Windows' event loop has none",
    "remove_signal_handler": "Windows' event loop has none",
    "fork": "Windows has none",
    "forkpty": "Windows has none",
    "symlink": "Windows allows it to administrators only",
    "symlink_to": "Windows allows it to administrators only",
    "create_unix_server": "Windows' event loop has none",
    "create_unix_connection": "Windows' event loop has none",
    "geteuid": "Windows has none",
    "getuid": "Windows has none",
}


def findings(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of each forbidden call or path in a module's source."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(attr=name, lineno=line) if name in METHODS:
                yield line, f"{name}: {METHODS[name]}"
            case ast.Constant(value=str(text), lineno=line) if _is_temporary(text):
                yield line, f"{text!r}: a folder of one system; take it from moim.platform"


def _is_temporary(text: str) -> bool:
    return text == "/tmp" or text.startswith(("/tmp/", "/var/tmp"))  # noqa: S108 - what we look for


def main() -> int:
    """Prints what is forbidden, as `file:line: text`."""
    found = 0
    for path in sorted(SOURCE.rglob("*.py")):
        if path == MAY:
            continue
        for line, text in findings(path.read_text(encoding="utf-8")):
            print(f"{path.relative_to(ROOT)}:{line}: {text} (only moim.platform may)")
            found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
