"""haochaping broker"""

import os
from typing import Annotated

import typer

from streams.cli.common import load_settings
from streams.runtime.embedded_broker import broker_command, check_port


def broker(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = 9092,
) -> None:
    """Run an embedded Kafka broker in memory, for one machine: a try-out, a demo, a test.

    Example: haochaping broker --port 9092
    """
    load_settings()  # a misspelt one would else be found by the worker alone
    command = broker_command(port)
    check_port(port)
    typer.echo(f"embedded Kafka broker on 127.0.0.1:{port}, in memory; Ctrl-C stops it and forgets everything")
    os.execv(command[0], command)  # signals and exit code are the broker's own from here
