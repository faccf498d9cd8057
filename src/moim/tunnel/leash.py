"""Run a program that ends when the one who asked for it does, however that ends.

    python -m moim.tunnel.leash PROGRAM ARGUMENT...

Standard input is the leash: its end is the end of the program. A killed moim says nothing and
closes it all the same, on every system.
"""

import subprocess
import sys
import threading
from typing import Final

PATIENCE_S: Final = 5


def main(command: list[str]) -> int:
    """Run the program; gives its exit code."""
    program = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603 - moim's own word

    def follow() -> None:
        sys.stdin.buffer.read()
        program.terminate()
        try:
            program.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            program.kill()

    threading.Thread(target=follow, daemon=True).start()
    try:
        return program.wait()
    except KeyboardInterrupt:
        # Ctrl-C reaches the whole terminal; moim closes the leash when it is ready.
        program.terminate()
        return program.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
