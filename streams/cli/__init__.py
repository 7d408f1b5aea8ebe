"""The `haochaping` command: one command a file, of the same name, named here."""

import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated, Never

import typer
from typer.exceptions import TyperException

from streams import __version__
from streams.cli.common import quiet_libraries, show_help_alone, use_env_file
from streams.errors import HaochapingError

app = typer.Typer(
    name="haochaping",
    help="政务服务“好差评”: government-service reviews through Kafka, Faust and ClickHouse.\n\n"
    "Example: haochaping demo",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"haochaping {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def options(
    context: typer.Context,
    env_file: Annotated[Path | None, typer.Option(help="Read HCP_* settings from this file too.")] = None,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Say it.")] = False,
) -> None:
    """Settings come from the environment (HCP_*), or from --env-file."""
    show_help_alone(context)
    use_env_file(env_file)
    quiet_libraries()  # a worker sets up a log of its own


COMMANDS = (
    *("demo", "broker", "topics", "migrate", "worker", "publish", "generate"),
    *("report", "rewind", "doctor", "rejected"),
)


def _register(arguments: Sequence[str]) -> None:
    """Register the commands named among the arguments, else all: to import all takes longer than most of them run."""
    for name in [name for name in COMMANDS if name in arguments] or COMMANDS:
        module = import_module(f"streams.cli.{name}")
        if name == "rejected":
            app.add_typer(module.app, name=name)
        else:
            app.command()(getattr(module, name))


#: The exit code of what Ctrl-C stopped.
_STOPPED = 130

#: Why what a command says cannot be written, `> file` on a full disk. The files it reads or writes by itself it names.
_CANNOT_WRITE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


def main() -> None:
    """Run a command; every failure is one clear line on stderr and a non-zero exit code."""
    _register(sys.argv)
    try:
        code = app(standalone_mode=False)
        typer.echo(nl=False)  # which writes what Python has kept back
    except HaochapingError as exc:
        _fail(str(exc), 1)
    except (typer.Abort, KeyboardInterrupt):
        _fail("stopped", _STOPPED)
    except TyperException as exc:
        _fail(exc.format_message(), exc.exit_code)
    except BrokenPipeError:
        # The reader of our output has gone (`| head`): nothing to say, and nobody to say it to.
        _drop_output()
        sys.exit(141)
    except OSError as exc:
        if exc.errno not in _CANNOT_WRITE:
            raise
        _drop_output()
        _fail(f"cannot write to standard output: {exc.strerror}", 1)
    if code == _STOPPED:  # typer's way to tell of Ctrl-C
        _fail("stopped", _STOPPED)
    sys.exit(code if isinstance(code, int) else 0)


def _drop_output() -> None:
    """What is still to be written is lost; without this Python would try once more as it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(message: str, code: int) -> Never:
    print(f"haochaping: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(code)
