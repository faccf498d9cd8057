"""What the benchmark makes of its runs."""

from typing import Any

from bench.engine import CIPHER, spent_in
from bench.sfu import FIGURES, ratios, summary, table


def run(server: str, number: int, cpu: float, **figures: Any) -> dict[str, Any]:
    zeros = dict.fromkeys(FIGURES, 0)
    named = {"scenario": "1-to-100", "server": server, "round": number, "void": None}
    return {**zeros, **named, "cpu_s_per_million": cpu, **figures}


def test_a_void_run_counts_for_nothing_and_says_why() -> None:
    runs = [run("moim", 0, 5.0), run("moim", 1, 90.0, void="busy"), run("moim", 2, 7.0)]
    line = summary(runs)
    assert (line["cpu_s_per_million"], line["rounds"], line["void"]) == (6.0, 2, ["busy"])


def test_a_loss_in_one_round_of_many_is_one_all_the_same() -> None:
    line = summary([run("moim", 0, 5.0), run("moim", 1, 5.0, lost=3), run("moim", 2, 5.0)])
    assert line["lost"] == 3


def test_only_runs_of_one_round_are_compared() -> None:
    runs = [
        run("moim", 0, 5.0),
        run("livekit", 0, 20.0),
        run("moim", 1, 8.0),
        run("livekit", 1, 16.0, void="busy"),
    ]
    assert ratios(runs, "1-to-100") == [0.25]


def test_where_every_run_was_void_the_table_says_so_and_gives_no_figure() -> None:
    runs = [run("moim", 0, 5.0, void="busy")]
    rows = table([summary(runs)], runs)
    assert rows[-1] == "| 1-to-100 | moim | void: ['busy'] |"


def test_what_ciphers_took_is_told_from_what_called_them() -> None:
    written = """
fn=(1) moim_engine::room::Room::settle
12 100
cfn=(2) <Aes128GcmCipher as AeadAes128GcmCipher>::encrypt
calls=3 40
12 900
fn=(2)
40 900
fn=(3) moim_engine::room::Room::datagram
cfn=(2)
calls=1 40
13 300
cfn=(1)
calls=1 12
14 50
"""
    assert spent_in(written.splitlines(), CIPHER) == 900 + 300
