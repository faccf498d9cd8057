"""`make bench`: moim's media server and LiveKit's, driven by one load generator, in turns.

For each round and scenario both servers are started anew, one after the other, so that what else
the machine does is felt by both. A table of medians comes last; before it one JSON object a line
for each scenario and server (a median over the rounds), and with `--each` one for each run:

    cpu_s_per_million      the server's processor seconds for a million packets that subscribers
                           decrypted, knew as the publisher's, and had not had before
    user, system           the same, in the program and in the kernel
    rss_kb_per_subscriber  what the server grew by, over the subscribers; where all publish too,
                           from the first one's coming on, over the others; rss_kb is all it had
    latency_p50_ms, …      from the publisher's to the subscribers' packet, one way
    join_p95_ms            from the first byte of signalling to the first key frame
    lost                   packets that never came, also not again; lost_at_generator were dropped
                           at the generator's own sockets
    void                   why a run says nothing about the server: it is left out

`--scenario` and `--server` may be given several times.
"""

import argparse
import http
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SCENARIOS = ("1-to-100", "10-by-10", "25-to-20", "audio-10-to-50", "join-storm")
SERVERS = ("moim", "livekit")
KEY, SECRET = "bench", "a-secret-of-thirty-two-characters"
START_S = 20
SETTLE_S = 1
RUN_S = 150
FIGURES = (
    "cpu_s_per_million",
    "user",
    "system",
    "rss_kb_per_subscriber",
    "rss_kb",
    "latency_p50_ms",
    "latency_p99_ms",
    "join_p50_ms",
    "join_p95_ms",
    "joins_failed",
    "lost",
    "verified_packets",
    "packets_per_s",
    "server_load",
    "generator_load",
    "machine_load",
)
# A failure or a loss in one round of many is one all the same.
SUMMED = ("joins_failed", "lost")

Figures = dict[str, Any]


def free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as each:
        each.bind(("127.0.0.1", 0))
        port: int = each.getsockname()[1]
        return port


@contextmanager
def running(name: str, peer: str, folder: Path) -> Iterator[tuple[str, int]]:
    """A server of its own on the loopback, over IPv4; gives its address and its process."""
    port, udp = free_port(socket.SOCK_STREAM), free_port(socket.SOCK_DGRAM)
    config = folder / f"{name}.yaml"
    lines = [
        f"port: {port}",
        "bind_addresses: [127.0.0.1]",
        f"keys: {{{KEY}: {SECRET}}}",
        "rtc:",
        f"  udp_port: {udp}",
        "  node_ip: 127.0.0.1",
    ]
    if name == "livekit":
        # What else it needs to serve the loopback, and nothing that slows it.
        lines += ["  tcp_port: 0", "  use_external_ip: false", "  enable_loopback_candidate: true"]
        lines += ["  ips: {includes: [127.0.0.1/32]}", "logging: {level: error}"]
        command = [peer, "--config", str(config)]
    else:
        command = [sys.executable, "-m", "moim", "sfu", "--config", str(config)]
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    log = folder / f"{name}.log"
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file)
    try:
        until = time.monotonic() + START_S
        while not answers(port):
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"{name} did not start:\n{log.read_text(errors='replace')}")
            time.sleep(0.05)
        # What it takes to start is not for the first who joins.
        time.sleep(SETTLE_S)
        yield f"127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answers(port: int) -> bool:
    """Whether the server says that it is well."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1) as answer:
            return bool(answer.status == http.HTTPStatus.OK)
    except OSError:
        return False


def measure(scenario: str, server: str, options: argparse.Namespace) -> Figures:
    """One run: a fresh server, a fresh generator."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running(server, options.peer, Path(folder)) as (address, pid),
    ):
        words = {
            "address": address,
            "key": KEY,
            "secret": SECRET,
            "pid": str(pid),
            "media": options.media,
            "scenario": scenario,
            "server": server,
            "seconds": str(options.seconds),
        }
        command = [options.load, *(part for k, v in words.items() for part in (f"--{k}", v))]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=RUN_S
            )
        except subprocess.TimeoutExpired:
            return {"scenario": scenario, "server": server, "void": f"no end in {RUN_S} s"}
    if done.returncode != 0:
        reason = done.stderr.strip() or f"the generator ended with {done.returncode}"
        return {"scenario": scenario, "server": server, "void": reason}
    figures: Figures = json.loads(done.stdout)
    return figures


def summary(runs: Sequence[Figures]) -> Figures:
    """Medians over the runs that say something about the server."""
    good = [run for run in runs if run.get("void") is None]
    line: Figures = {"scenario": runs[0]["scenario"], "server": runs[0]["server"]}
    for name in FIGURES:
        values = [run[name] for run in good if run.get(name) is not None]
        if name in SUMMED:
            line[name] = sum(values) if values else None
        else:
            line[name] = round(statistics.median(values), 3) if values else None
    line["rounds"] = len(good)
    line["void"] = sorted({str(run["void"]) for run in runs if run.get("void") is not None})
    return line


def ratios(runs: Sequence[Figures], scenario: str) -> list[float]:
    """moim's processor time over LiveKit's, round by round: neighbours in time alone compare."""
    by_round: dict[int, dict[str, float]] = {}
    for run in runs:
        if run["scenario"] == scenario and run.get("void") is None:
            by_round.setdefault(run["round"], {})[run["server"]] = run["cpu_s_per_million"]
    pairs = (each for each in by_round.values() if set(SERVERS) <= set(each))
    return [each["moim"] / each["livekit"] for each in pairs]


def machine() -> str:
    """The processor, the system, and how busy they were."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = re.search(r"model name\s*: (.*)", info)
    kernel = os.uname().release
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    name = model.group(1) if model else "unknown processor"
    return f"{os.cpu_count()} x {name}, Linux {kernel}; load {load}"


def table(lines: Sequence[Figures], runs: Sequence[Figures]) -> list[str]:
    """In Markdown, as the README has it."""
    rows = [
        "| scenario | server | CPU s per million packets | user + system | ratio | RSS KB per "
        "subscriber | latency p50 / p99 ms | join p95 ms | lost | packets verified |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for line in lines:
        values = ratios(runs, line["scenario"])
        ratio = f"{statistics.median(values):.2f}" if values and line["server"] == "moim" else ""
        if not line["rounds"]:
            rows.append(f"| {line['scenario']} | {line['server']} | void: {line['void']} |")
            continue
        rows.append(
            f"| {line['scenario']} | {line['server']} | {line['cpu_s_per_million']:.2f} "
            f"| {line['user']:.2f} + {line['system']:.2f} | {ratio} "
            f"| {line['rss_kb_per_subscriber']:.0f} "
            f"| {line['latency_p50_ms']:.2f} / {line['latency_p99_ms']:.2f} "
            f"| {line['join_p95_ms'] or 0:.0f} | {line['lost']} | {line['verified_packets']:.0f} |"
        )
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description="moim's media server beside LiveKit's")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="measured in each run")
    parser.add_argument("--scenario", action="append", choices=SCENARIOS)
    parser.add_argument("--server", action="append", choices=SERVERS)
    parser.add_argument("--each", action="store_true", help="print each run")
    parser.add_argument("--peer", required=True, help="LiveKit's server")
    parser.add_argument("--load", required=True, help="the load generator")
    parser.add_argument("--media", required=True, help="the folder of recordings")
    options = parser.parse_args()
    scenarios = options.scenario or list(SCENARIOS)
    servers = options.server or list(SERVERS)
    before = machine()
    runs: list[Figures] = []
    for number in range(options.rounds):
        for scenario in scenarios:
            # Who comes first changes with the round.
            for server in servers if number % 2 == 0 else reversed(servers):
                run = {**measure(scenario, server, options), "round": number}
                runs.append(run)
                if options.each:
                    print(json.dumps(run), flush=True)
                elif sys.stderr.isatty():
                    print(f"\r{number + 1}: {scenario} {server}   ", end="", file=sys.stderr)
    lines = []
    for scenario in scenarios:
        for server in servers:
            same = [r for r in runs if r["scenario"] == scenario and r["server"] == server]
            line = summary(same)
            lines.append(line)
            print(json.dumps(line), flush=True)
    print()
    print("\n".join(table(lines, runs)))
    print(f"\nBefore: {before}\nAfter: {machine()}\nRounds: {options.rounds}, interleaved.")
    return 0 if all(line["rounds"] for line in lines) else 1


if __name__ == "__main__":
    raise SystemExit(main())
