"""Where things lie in the repository, and how the platform calls its programs."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".tools"
BIN = TOOLS / "bin"
VENV = ROOT / ".venv"
WEB = ROOT / "web"
NODE_MODULES = WEB / "node_modules"
BUILT_CLIENT = ROOT / "src" / "moim" / "http" / "static" / "app"

WINDOWS = os.name == "nt"
EXE = ".exe" if WINDOWS else ""

UV = BIN / f"uv{EXE}"


def venv_program(name: str) -> Path:
    """A program that the Python environment holds, such as `python` or `ruff`."""
    return VENV / ("Scripts" if WINDOWS else "bin") / f"{name}{EXE}"
