"""moim that asks pages of this very machine for their titles: there is no other web in a test."""

from moim import app, cli
from moim.titles.fetch import PageTitles


class TitlesHere(PageTitles):
    """Asks this machine alone, on any port."""

    def __init__(self) -> None:
        super().__init__(may_ask="127.0.0.1".__eq__, may_port=lambda _: True)


if __name__ == "__main__":
    app.PageTitles = TitlesHere  # type: ignore[attr-defined, assignment]
    cli.main()
