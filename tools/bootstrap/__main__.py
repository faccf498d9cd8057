"""One door for every make target: `python3 -m tools.bootstrap <command> [arguments]`.

It needs Python alone, the standard library and nothing else: no pip, no venv module, no sudo. What
is missing is fetched into the repository's own folders, and what is there already is skipped.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - whoever starts it may have an older one
    sys.exit(
        "moim needs Python 3.11 or newer; this is {}.{}.\n"
        "Name another one: make PYTHON=python3.12 run".format(*sys.version_info[:2])
    )

from tools.bootstrap.commands import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
