"""What the repository promises about itself: what is in it, and that its guards bite."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tools.bootstrap import node
from tools.bootstrap.commands import COMMANDS
from tools.bootstrap.places import ROOT, WEB, venv_program
from tools.help import MAKEFILE, targets
from tools.portable import findings

BUILT = re.compile(
    r"(^|/)(node_modules|dist|build|\.venv|\.tools|__pycache__|paraglide|static/app)/"
    r"|\.(pyc|whl|map|br|gz)$"
)
BROUGHT = re.compile(r"(^|/)(vendor|third_party|external)/|\.min\.(js|css)$")
# What bundlers and publishers leave in files that were made elsewhere.
BANNERS = ("sourceMappingURL=", "@license", "@preserve", "/*!")
SPEAKS_OF_BANNERS = {"tests/test_repository.py"}


def tracked() -> list[str]:
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    )
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()]


def test_no_built_file_is_tracked() -> None:
    assert not [name for name in tracked() if BUILT.search(name)]


def test_no_source_of_others_is_tracked() -> None:
    names = tracked()
    assert not [name for name in names if BROUGHT.search(name)]
    for name in names:
        if (
            name.endswith((".js", ".ts", ".css", ".svelte", ".py"))
            and name not in SPEAKS_OF_BANNERS
        ):
            text = (ROOT / name).read_text(encoding="utf-8")
            assert not [banner for banner in BANNERS if banner in text], name


def test_the_licence_is_mit_everywhere() -> None:
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").startswith("MIT License\n")
    assert 'license = "MIT"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert package_json()["license"] == "MIT"


def test_every_make_target_is_listed_with_a_text() -> None:
    makefile = MAKEFILE.read_text(encoding="utf-8")
    rules = set(re.findall(r"^([a-z][\w-]*):(?!=)", makefile, re.MULTILINE))
    assert rules == set(targets(makefile))
    assert rules - {"help"} == set(COMMANDS)
    phony = re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert phony is not None
    assert set(phony[1].split()) == rules


def test_the_supported_browsers_are_stated_once() -> None:
    assert package_json()["browserslist"]
    assert not [name for name in tracked() if "browserslistrc" in name]
    stating = [
        name
        for name in tracked()
        if name.endswith((".json", ".ts", ".js", ".toml"))
        and re.search(r"last \d+ \w+ versions", (ROOT / name).read_text(encoding="utf-8"))
    ]
    assert stating == ["web/package.json"]


def test_the_locks_name_no_address_but_the_public_registries() -> None:
    uv_lock = (ROOT / "uv.lock").read_text(encoding="utf-8")
    hosts = set(re.findall(r"https?://([^/\"]+)", uv_lock))
    assert hosts == {"pypi.org", "files.pythonhosted.org"}
    # npm adds the registry that is set up where it runs.
    assert '"resolved"' not in (WEB / "package-lock.json").read_text(encoding="utf-8")


def test_typescript_stays_where_svelte_check_can_follow() -> None:
    assert re.match(r"6\.0\.", package_json()["devDependencies"]["typescript"])


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("import os\n\nos.fork()\n", "TID251"),
        ('import os\n\nos.symlink("a", "b")\n', "TID251"),
        ('FOLDER = "/tmp/moim"\n', "S108"),
        ("import random\n\nTOKEN = random.random()\n", "S311"),
        ("try:\n    pass\nexcept Exception:\n    pass\n", "S110"),
    ],
)
def test_ruff_refuses_what_only_one_module_may_do(source: str, code: str) -> None:
    assert code in ruff(source, "src/moim/live/bad.py")


def test_ruff_lets_the_platform_module_do_it() -> None:
    assert "TID251" not in ruff("import os\n\nos.fork()\n", "src/moim/platform.py")


@pytest.mark.parametrize(
    "line",
    [
        "loop.add_signal_handler(2, stop)",
        "Path('a').symlink_to('b')",
        "os.fork()",
        "open('/tmp/moim')",
        "asyncio.create_unix_server",
    ],
)
def test_the_portability_check_refuses_what_ruff_cannot_see(line: str) -> None:
    assert [found[0] for found in findings(f"pass\n{line}\n")] == [2]


def test_eslint_refuses_the_interface_before_tracks_in_every_form() -> None:
    lines = [
        "declare const peer: RTCPeerConnection & Record<string, (given: unknown) => void>;",
        "peer.addStream(1);",
        "peer.onaddstream = () => 1;",
        "peer['addStream'](1);",
        "peer.addEventListener('addstream', () => 1);",
    ]
    said = eslint("\n".join(lines), "src/media/bad.ts")
    assert re.findall(r"^ +(\d+):.*addTrack", said, re.MULTILINE) == ["2", "3", "4", "5"]


def test_eslint_keeps_the_features_apart() -> None:
    bad = 'import "../chat/linkify";\n'
    assert "never import each other" in eslint(bad, "src/features/hand/bad.ts")
    assert "never import each other" not in eslint(bad, "src/ui/bad.ts")


@pytest.mark.parametrize(
    ("module", "source", "contract"),
    [
        ("meeting/bad.py", "import time", "pure"),
        ("meeting/bad.py", "from moim.storage import journal", "layers"),
        ("meeting/features/bad.py", "from moim.meeting.features import hand", "slices"),
        ("live/bad.py", "from moim.settings import Settings", "settings"),
        ("storage/bad.py", "import moim.live", "layers"),
    ],
)
def test_the_import_rules_refuse(tmp_path: Path, module: str, source: str, contract: str) -> None:
    shutil.copytree(
        ROOT / "src" / "moim",
        tmp_path / "moim",
        ignore=shutil.ignore_patterns("static", "__pycache__"),
    )
    (tmp_path / "moim" / module).write_text(f"{source}\n", encoding="utf-8")
    done = subprocess.run(
        [
            *(venv_program("lint-imports"), "--no-logo", "--no-cache"),
            *("--config", ROOT / ".importlinter", "--contract", contract),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 1, done.stdout
    assert "BROKEN" in done.stdout
    assert f"moim.{module.removesuffix('.py').replace('/', '.')}" in done.stdout


def package_json() -> Any:
    return json.loads((WEB / "package.json").read_text(encoding="utf-8"))


def ruff(source: str, name: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--quiet", "--stdin-filename", name, "-"],
        cwd=ROOT,
        input=source,
        capture_output=True,
        check=False,
        text=True,
    )
    return done.stdout


def eslint(source: str, name: str) -> str:
    done = subprocess.run(
        [node.node(), node.npm_program("eslint"), "--stdin", "--stdin-filename", name],
        cwd=WEB,
        input=source,
        capture_output=True,
        check=False,
        text=True,
        env=node.environment(),
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout
