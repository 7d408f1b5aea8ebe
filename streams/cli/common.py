"""What commands share: settings, logging, progress."""

import logging
import sys
from datetime import UTC, datetime
from pathlib import Path

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from typer.exceptions import TyperException

from streams.settings import Settings

_env_file: Path | None = None


def use_env_file(path: Path | None) -> None:
    """Remember `--env-file` for `load_settings`."""
    global _env_file
    _env_file = path


def env_file() -> Path | None:
    """What `--env-file` said."""
    return _env_file


class NoCommand(TyperException):
    """Nothing was said of what to do."""

    exit_code = 2


def show_help_alone(context: typer.Context) -> None:
    """Without a command to run, print the help, and fail."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise NoCommand(f"{context.command_path} wants a command: one of those above")


def load_settings() -> Settings:
    """The settings of this process."""
    return Settings.load(_env_file)


class _JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line).decode()


class _NotAgain(logging.Filter):
    """Drops what Kafka's client said in the same words a moment ago: it says so ten times a second, a connection."""

    PAUSE = 10.0  # seconds

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith("aiokafka"):
            return True
        message = record.getMessage()
        if record.created - self._said.get(message, 0.0) < self.PAUSE:
            return False
        if len(self._said) > 1000:
            self._said.clear()
        self._said[message] = record.created
        return True


#: Loggers of Kafka's client and of Faust.
_NOISY = ("aiokafka", "faust", "mode", "kafka", "asyncio")


def quiet_libraries() -> None:
    """Let libraries say nothing: what fails is told by the command that fails, in one line."""
    for name in (*_NOISY, "clickhouse_driver"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def set_up_logging(settings: Settings) -> None:
    """Log to stderr as the settings say; Kafka's and Faust's own chatter only from warnings up."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_NotAgain())
    if settings.log_format == "json":
        handler.setFormatter(_JsonFormatter())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(True)  # a year the working-day calendar does not know
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel(max(logging.WARNING, logging.getLogger().level))
    # It logs a traceback for each failed connection; the sink writer says the same in a line.
    logging.getLogger("clickhouse_driver").setLevel(logging.CRITICAL)


def progress() -> Progress:
    """A progress bar on stderr; nothing where that is not a terminal."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
