"""The Python side: uv from PyPI at the version that `pins.json` names, then the locked packages."""

import hashlib
import io
import json
import os
import platform
import sys
import zipfile
from pathlib import Path

from tools.bootstrap import network
from tools.bootstrap.places import EXE, ROOT, TOOLS, UV, VENV, venv_program
from tools.bootstrap.steps import StepFailed, Word, digest, is_stamped, quietly, step, write_stamp

# A start may ask for a tunnel, and meetings may move to the SFU; what that takes is small. The
# SFU's engine is built from Rust where there is some, see `engine.py`.
EXTRAS = ("--extra", "tunnel", "--extra", "sfu")
ENGINE = "moim-engine"
PINS = Path(__file__).with_name("pins.json")
_MACHINES = {
    "amd64": ("x86_64", "amd64"),
    "x86_64": ("x86_64", "amd64"),
    "arm64": ("aarch64", "arm64"),
    "aarch64": ("aarch64", "arm64"),
    "armv7l": ("armv7l",),
    "armv6l": ("armv6l",),
    "i386": ("i686", "win32"),
    "i686": ("i686", "win32"),
    "ppc64le": ("ppc64le",),
    "riscv64": ("riscv64",),
    "s390x": ("s390x",),
}


def ensure_uv() -> None:
    """Puts uv into `.tools/bin`, checked against the recorded SHA-256.

    uv is one static program in a wheel, so unpacking the wheel is all that an installer would do.
    """
    pin = json.loads(PINS.read_text(encoding="utf-8"))["uv"]
    stamp = TOOLS / "uv.stamp"
    value = digest([PINS], sys.platform, platform.machine())
    if UV.is_file() and is_stamped(stamp, value):
        return
    with step(f"uv {pin['version']} from PyPI"):
        name = wheel_for(pin["wheels"], sys.platform, platform.machine(), is_musl=_is_musl())
        address = network.links("uv").get(name)
        if address is None:
            raise StepFailed(f"{network.index()} has no {name}.")
        content = network.download(address)
        if hashlib.sha256(content).hexdigest() != pin["wheels"][name]:
            raise StepFailed(f"{name} is not the file whose SHA-256 is in {PINS.name}: not used.")
        _unpack(content)
        write_stamp(stamp, value)


def wheel_for(wheels: dict[str, str], system: str, machine: str, *, is_musl: bool) -> str:
    """The file name of the wheel that runs on this system.

    Raises:
        StepFailed: there is none; uv can be put into `.tools/bin` by hand.
    """
    names = _MACHINES.get(machine.lower(), ())
    families = {
        "linux": ("musllinux",) if is_musl else ("manylinux", "linux_"),
        "darwin": ("macosx",),
        "win32": ("win",),
    }.get(system, ())
    for wheel in sorted(wheels):
        tags = wheel.removesuffix(".whl").split("-", 4)[4].split(".")
        for tag in tags:
            if tag.startswith(families) and any(tag.endswith(name) for name in names):
                return wheel
    raise StepFailed(
        f"uv has no wheel for {system} on {machine}. Build it, put it at {UV}, and start again."
    )


def _is_musl() -> bool:
    return sys.platform == "linux" and platform.libc_ver()[0] != "glibc"


def _unpack(wheel: bytes) -> None:
    UV.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        member = next(n for n in archive.namelist() if n.endswith(f".data/scripts/uv{EXE}"))
        # Written beside and moved: a running uv cannot be overwritten, and a half one never shows.
        partial = UV.with_suffix(".partial")
        partial.write_bytes(archive.read(member))
    partial.chmod(0o755)
    partial.replace(UV)


def ensure_packages(*, dev: bool) -> None:
    """Installs exactly what `uv.lock` says into `.venv`; with `dev`, what the tests need too."""
    stamp = VENV / ".moim-stamp"
    inputs = [ROOT / "pyproject.toml", ROOT / "uv.lock"]
    want = digest(inputs, "run")
    want_dev = digest(inputs, "dev")
    if venv_program("python").exists() and (
        is_stamped(stamp, want_dev) or (not dev and is_stamped(stamp, want))
    ):
        return
    ensure_uv()
    # A dev environment stays one: a plain start must not take the test tools away.
    dev = dev or venv_program("pytest").exists()
    with step("Python packages, as locked" + (" (with the tools for tests)" if dev else "")):
        # A start that compiles what it imports takes twice as long, each time where caches are off.
        env = {**network.environment(), "UV_COMPILE_BYTECODE": "1"}
        if not venv_program("python").exists():
            quietly([UV, "venv", "--clear", "--python", sys.executable, VENV], env=env)
        if network.index() == network.PYPI:
            without = ("--no-install-package", ENGINE)
            kind = "--dev" if dev else "--no-dev"
            quietly([UV, "sync", "--locked", *EXTRAS, *without, kind], env=env)
        else:
            _sync_from_mirror(env, dev=dev)
        write_stamp(stamp, want_dev if dev else want)


def _sync_from_mirror(env: dict[str, str], *, dev: bool) -> None:
    """Installs the locked versions, hashes checked, from another index than the lock names."""
    listed = TOOLS / "requirements.txt"
    export: list[Word] = [
        UV,
        "export",
        "--frozen",
        "--no-emit-project",
        "--output-file",
        listed,
        *EXTRAS,
        "--no-emit-package",
        ENGINE,
    ]
    without_index = {key: value for key, value in env.items() if key != "UV_DEFAULT_INDEX"}
    quietly([*export, "--dev" if dev else "--no-dev"], env=without_index)
    target: list[Word] = ["--python", venv_program("python")]
    quietly([UV, "pip", "sync", "--require-hashes", *target, listed], env=env)
    quietly([UV, "pip", "install", "--no-deps", *target, "--editable", os.fspath(ROOT)], env=env)
