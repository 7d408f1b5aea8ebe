"""`python -m streams` is the `haochaping` command."""

from streams.cli import main

main()
