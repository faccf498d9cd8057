"""Examples are there to be read."""

from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"


def lines(name: str) -> list[str]:
    return (EXAMPLES / name).read_text(encoding="utf-8").splitlines()


def test_the_client_in_one_page_is_short_enough_to_be_read() -> None:
    assert len(lines("vanilla/index.html")) < 200
    assert max(map(len, lines("vanilla/index.html"))) <= 125


def test_the_client_in_one_page_needs_no_library_and_no_build() -> None:
    page = "".join(lines("vanilla/index.html"))
    assert "src=" not in page
    assert "import " not in page


def test_the_server_around_moim_is_short_enough_to_be_read() -> None:
    assert len(lines("vanilla/serve.py")) < 60
