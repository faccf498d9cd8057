"""The commands behind the make targets, each a few steps in order."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tools.bootstrap import bench as bench_parts
from tools.bootstrap import checks, debian, engine, fuzz, network, node, python
from tools.bootstrap.chromium import ensure_chromium
from tools.bootstrap.places import BUILT_CLIENT, ROOT, TOOLS, UV, VENV, WEB, WINDOWS, venv_program
from tools.bootstrap.steps import StepFailed, Word, quietly, seconds_since, step

INTERRUPTED = 130
# A machine's own network settings, and nothing else that somebody may have set up by hand.
NETWORK_SETTINGS = [
    *("http_proxy", "https_proxy", "no_proxy", "all_proxy"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"),
    *("PIP_CERT", "PIP_INDEX_URL", "NODE_EXTRA_CA_CERTS"),
]


def main(arguments: Sequence[str]) -> int:
    """Runs one command and gives its exit code; an error is a text, never a traceback."""
    # What is not a terminal may be a pipe of an ASCII locale.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    command = COMMANDS.get(arguments[0]) if arguments else None
    if command is None:
        print(f"Say one of: {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    os.chdir(ROOT)
    # A Python that keeps no bytecode reads moim and its tests anew in every process: twice the
    # time, and what it would keep lies in the clone's own folders.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    try:
        return command(arguments[1:])
    except StepFailed as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return INTERRUPTED


def setup(_: Sequence[str]) -> int:
    """Everything that a developer needs, without starting anything."""
    python.ensure_packages(dev=True)
    node.ensure_node()
    node.ensure_npm_packages()
    return 0


def run(arguments: Sequence[str]) -> int:
    begun = time.monotonic()
    python.ensure_packages(dev=False)
    node.ensure_client()
    if os.environ.get("MOIM_SFU", "on").lower() not in ("0", "off", "no", "false"):
        engine.ensure_engine()
    print(f"  ✓  Ready to start ({seconds_since(begun)})", flush=True)
    return _become([venv_program("python"), "-m", "moim", *arguments])


def sfu(arguments: Sequence[str]) -> int:
    python.ensure_packages(dev=True)
    if not engine.ensure_engine():
        return 1
    return _become([venv_program("python"), "-m", "moim", "sfu", *(arguments or ("--dev",))])


def dev(arguments: Sequence[str]) -> int:
    setup(())
    # From here on the folder holds unfinished builds, which a plain start must not take for done.
    (BUILT_CLIENT / ".stamp").unlink(missing_ok=True)
    return _become([venv_program("python"), "-m", "tools.dev", str(node.node()), *arguments])


def build(_: Sequence[str]) -> int:
    setup(())
    node.ensure_client()
    shutil.rmtree(ROOT / "dist", ignore_errors=True)
    with step("Wheel and source distribution in dist"):
        quietly([UV, "build", "--out-dir", ROOT / "dist"], env=node.environment())
    reason = engine.missing()
    if reason:
        print(f"  -  {reason}", flush=True)
        return 0
    with step("Wheel of the forwarding engine in dist"):
        wheel: list[Word] = [UV, "build", "--wheel", "--package", "moim-engine"]
        quietly([*wheel, "--out-dir", ROOT / "dist"], env=engine.environment())
    return 0


def check(_: Sequence[str]) -> int:
    begun = time.monotonic()
    return _close(_all_checks(counted=True), begun)


def everything(_: Sequence[str]) -> int:
    begun = time.monotonic()
    debian.ensure_programs()  # before the checks: the journal is tried on PostgreSQL too
    count = _all_checks(counted=False)
    env = node.environment()
    count += _tried("Web client", node.ensure_client)
    count += _engine_checks(env)
    served = ("tests over real sockets", "served", checks.SERVED, *checks.SIDE_BY_SIDE)
    count += checks.run(checks.pytest(*served), env)
    processes = checks.pytest("tests of killed processes", "processes", "processes and not browser")
    count += checks.run(processes, env, show=True)
    count += checks.run(checks.pytest("packaging tests", "packaging", "packaging"), env, show=True)
    chromium: list[Path] = []
    missing = _tried("Chromium", lambda: chromium.append(ensure_chromium()))
    count += missing
    if chromium:
        browser = checks.pytest("browser tests", "browser", "browser", CHROMIUM=str(chromium[0]))
        count += checks.run(browser, env, show=True)
        across = checks.pytest("network tests", "network", "network", CHROMIUM=str(chromium[0]))
        count += checks.run(across, env, show=True)
    return _close(count, begun)


def bare(_: Sequence[str]) -> int:
    """`make test` in a fresh clone, with an empty home and nothing but the system's programs."""
    with tempfile.TemporaryDirectory(prefix="moim-bare-") as folder:
        clone, home = Path(folder, "moim"), Path(folder, "home")
        home.mkdir()
        quietly(["git", "clone", "--quiet", "--no-hardlinks", ROOT, clone])
        env = {name: os.environ[name] for name in NETWORK_SETTINGS if name in os.environ}
        env |= {"HOME": str(home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
        return subprocess.run(["make", "test"], cwd=clone, env=env, check=False).returncode


def format_all(_: Sequence[str]) -> int:
    setup(())
    ruff = venv_program("ruff")
    with step("Python formatted"):
        quietly([ruff, "check", "--fix-only", "--quiet"])
        quietly([ruff, "format", "--quiet"])
    with step("Web client formatted"):
        prettier: list[Word] = [node.node(), node.npm_program("prettier")]
        quietly([*prettier, "--write", "--log-level=warn", "."], cwd=WEB, env=node.environment())
    return 0


def wire(_: Sequence[str]) -> int:
    setup(())
    with step("Wire types of the web client"):
        quietly([venv_program("python"), "tools/gen_wire.py"], env=node.environment())
    with step("Tables of the docs"):
        quietly([venv_program("python"), "tools/gen_docs.py"])
    return 0


def screenshots(arguments: Sequence[str]) -> int:
    return _program("tools.screenshots", arguments, client=True, chromium=True)


def nat(arguments: Sequence[str]) -> int:
    """Calls in networks of namespaces, measured; where root is missing it says so."""
    return _program("tools.nat", arguments, client=True, debian_programs=True, chromium=True)


def impairment(arguments: Sequence[str]) -> int:
    return nat(["--impairment", *arguments])


def cluster(arguments: Sequence[str]) -> int:
    """Several servers, a proxy, PostgreSQL and Redis on this machine."""
    return _program("tools.cluster", arguments, client=True, debian_programs=True)


def chaos(arguments: Sequence[str]) -> int:
    """Several servers in a storm of faults."""
    return _program("tools.chaos", arguments, client=True, debian_programs=True)


def bench_data(arguments: Sequence[str]) -> int:
    """How fast files and messages go between two pages."""
    return _program("bench.data", arguments, client=True, chromium=True)


def bench_handover(arguments: Sequence[str]) -> int:
    """The longest pause in picture and sound while a call changes planes."""
    return _program("bench.handover", arguments, client=True, media=True, chromium=True)


def bench_planes(arguments: Sequence[str]) -> int:
    """What a call of two to six costs a browser, on the mesh and on the SFU."""
    if sys.platform != "linux":
        raise StepFailed("make bench-planes reads processes as Linux tells of them.")
    words = [f"--load={bench_parts.ensure_load()}", f"--media={bench_parts.ensure_media()}"]
    words += arguments
    return _program("bench.planes", words, client=True, media=True, chromium=True)


def bench_chat(arguments: Sequence[str]) -> int:
    """What a chat message to many costs, beside plain python-socketio."""
    return _program("bench.chat", arguments)


def bench(arguments: Sequence[str]) -> int:
    """moim's media server beside LiveKit's, driven by one load generator."""
    if sys.platform != "linux":
        raise StepFailed("make bench reads processes as Linux tells of them: it needs Linux.")
    python.ensure_packages(dev=True)
    if not engine.ensure_engine():
        return 1
    words = [*bench_parts.arguments(), *arguments]
    return _become([venv_program("python"), "-m", "bench.sfu", *words])


def bench_engine(arguments: Sequence[str]) -> int:
    """Instructions that the engine takes to forward a packet."""
    words: list[Word] = ["--program", bench_parts.ensure_counted(), *arguments]
    return _become([sys.executable, "-m", "bench.engine", *words])


def clean(_: Sequence[str]) -> int:
    """Removes what was built and set up; rooms and settings in the data folder stay."""
    caches = [ROOT / name for name in (".mypy_cache", ".ruff_cache", ".pytest_cache", "dist")]
    made = [
        VENV,
        TOOLS,
        engine.ENGINE / "target",
        WEB / "node_modules",
        WEB / "src" / "paraglide",
        WEB / ".svelte-check",
        BUILT_CLIENT,
        *caches,
    ]
    for path in made:
        shutil.rmtree(path, ignore_errors=True)
    return 0


def _all_checks(*, counted: bool) -> checks.Count:
    """counted: what a forwarded packet costs too, which is else among the engine's own tests."""
    setup(())
    env = node.environment()
    # Before the others: several of them read the compiled messages.
    messages: list[Word] = [
        node.node(),
        node.npm_program("@inlang/paraglide-js", "paraglide-js"),
        "compile",
    ]
    options = ["--project", "./project.inlang", "--outdir", "./src/paraglide"]
    strategy = ["--strategy", "custom-document", "baseLocale"]
    first = checks.Check("messages", [*messages, *options, *strategy], WEB)
    count = checks.run(first, env)
    # The long ones first, so that no core waits for one at the end.
    both = [*checks.web_checks()[:2], *checks.python_checks(), *checks.web_checks()[2:]]
    if counted:
        reason = engine.missing()
        if reason is None:
            both.insert(0, engine.ensure_cost())
        else:
            print(f"  -  {reason}; what a packet costs is not counted", flush=True)
            count += checks.Count(skipped=1)
    return count + checks.run_together(both, env)


def _engine_checks(env: Mapping[str, str]) -> checks.Count:
    """The SFU's engine, and real clients on it; without Rust it is skipped, counted and said."""
    built: list[bool] = []
    failed = _tried("Forwarding engine", lambda: built.append(engine.ensure_engine()))
    if failed.failed:
        return failed
    if built != [True]:
        return checks.Count(skipped=1)
    _find_peer()
    cargo_env = {**engine.environment(), **env, "PATH": engine.environment()["PATH"]}
    count = checks.Count()
    for check in engine.checks():
        count += checks.run(check, cargo_env)
    clients = checks.pytest("LiveKit clients", "sfu", "sfu and not browser")
    return count + checks.run(clients, env, show=True)


def _find_peer() -> None:
    """LiveKit's own server, which tests run moim against; where it cannot be had they are skipped,
    and say so."""
    try:
        bench_parts.ensure_peer()
    except StepFailed as error:
        print(f"  -  {error}", flush=True)


def _tried(name: str, action: Callable[[], None]) -> checks.Count:
    """A step of which the others do not depend: its failure is counted, and the run goes on."""
    try:
        action()
    except StepFailed as error:
        print(f"  ✗  {name}\n{error}", flush=True)
        return checks.Count(failed=1)
    return checks.Count()


def _close(count: checks.Count, begun: float) -> int:
    skipped = f", {count.skipped} skipped" if count.skipped else ""
    print(f"\nAll in {seconds_since(begun)}{skipped}.\n{count}", flush=True)
    return 1 if count.failed else 0


def _program(
    module: str,
    arguments: Sequence[str],
    *,
    client: bool = False,
    media: bool = False,
    debian_programs: bool = False,
    chromium: bool = False,
) -> int:
    """Sets up what a program of ours needs, and goes on as that."""
    setup(())
    if client:
        node.ensure_client()
    if media and not engine.ensure_engine():
        return 1
    if debian_programs:
        debian.ensure_programs()
    env = node.environment()
    if chromium:
        env["CHROMIUM"] = str(ensure_chromium())
    return _become([venv_program("python"), "-m", module, *arguments], env)


def _become(command: Sequence[Word], env: dict[str, str] | None = None) -> int:
    """Goes on as another program, so that Ctrl-C reaches that one alone."""
    words = [os.fspath(part) for part in command]
    env = dict(os.environ) if env is None else env
    if not WINDOWS:
        os.execve(words[0], words, env)  # noqa: S606 - no shell is meant
    with subprocess.Popen(words, env=env) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue  # the program has heard it too, and takes its time to stop


def lock(_: Sequence[str]) -> int:
    """Takes the newest versions that `pyproject.toml` and `package.json` allow."""
    setup(())
    with step("uv.lock"):
        quietly([UV, "lock", "--upgrade"], env=network.environment())
    with step("package-lock.json"):
        found = node.find()
        assert found is not None  # noqa: S101 - setup has seen to it
        quietly([*found, "update", "--package-lock-only"], cwd=WEB, env=node.environment())
    return 0


COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "run": run,
    "test": everything,
    "test-bare": bare,
    "check": check,
    "sfu": sfu,
    "dev": dev,
    "build": build,
    "format": format_all,
    "wire": wire,
    "nat": nat,
    "impairment": impairment,
    "cluster": cluster,
    "chaos": chaos,
    "fuzz": fuzz.run,
    "screenshots": screenshots,
    "bench": bench,
    "bench-chat": bench_chat,
    "bench-data": bench_data,
    "bench-engine": bench_engine,
    "bench-handover": bench_handover,
    "bench-planes": bench_planes,
    "setup": setup,
    "lock": lock,
    "clean": clean,
}
