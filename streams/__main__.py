"""The `haochaping` command, also as `python -m streams`."""

import sys


def main() -> None:
    """Run it. Loading all that it needs takes a while, in which Ctrl-C should look as it does at any other moment."""
    try:
        from streams.cli import main as run

        run()
    except KeyboardInterrupt:
        print("haochaping: stopped", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
