"""`python -m moim`: the same as `moim`, where no script was installed."""

from moim.cli import main

if __name__ == "__main__":
    main()
