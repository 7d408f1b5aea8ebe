"""ClickHouse in this process (chdb), its data in a folder: for one machine, one worker."""

import fcntl
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

from sinks.base import BLOCK, INSERT_SETTINGS, Columns, Result, SinkError, SinkInUse, SinkUnavailable
from sinks.schema.tables import ARROW_TYPES, TABLES
from streams.errors import HaochapingError
from streams.folders import make_private

DATABASE = "haochaping"


class EmbeddedSink:
    """A chdb session. One process a folder; within it, calls take turns."""

    def __init__(self, folder: str) -> None:
        try:
            from chdb.session import Session
        except ImportError:
            raise HaochapingError(
                "the embedded ClickHouse is not installed: pip install 'haochaping[embedded]', or set "
                "HCP_CLICKHOUSE_URL=clickhouse://… to use a server"
            ) from None
        self._lock = threading.Lock()
        try:
            make_private(Path(folder))
            _refuse_if_open(Path(folder))
            self._session = Session(folder)
            self._session.query(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")
            self._session.query(f"USE {DATABASE}")
        except OSError as exc:
            raise HaochapingError(f"the folder {folder} cannot be used ({exc.strerror}): set HCP_DATA_DIR") from exc
        except HaochapingError:
            raise
        except Exception as exc:  # chdb raises bare RuntimeErrors
            raise HaochapingError(f"the embedded ClickHouse cannot open {folder}: {_first_line(exc)}") from exc

    def ping(self) -> None:
        self.command("SELECT 1")

    def create_database(self) -> None:
        """It is there since the session was opened."""

    def insert(self, table: str, columns: Columns) -> int:
        import pyarrow

        # Every column is given its type: Arrow cannot tell that of an empty list or of nothing but nulls.
        types = {column.name: ARROW_TYPES[column.kind]() for column in TABLES[table].columns}
        rows = pyarrow.table({name: pyarrow.array(values, types[name]) for name, values in columns.items()})
        if rows.num_rows:
            settings = ", ".join(f"{name} = {value}" for name, value in INSERT_SETTINGS.items())
            into = f"INSERT INTO {table} ({', '.join(columns)}) SETTINGS {settings}"
            self.command(f"{into} SELECT * FROM Python(rows)", rows=rows)
        return int(rows.num_rows)

    def query(self, sql: str) -> Result:
        return _result(self._run(sql, "ArrowTable"))

    def blocks(self, sql: str) -> Generator[Result, None, None]:
        table = self._run(sql, "ArrowTable")
        for first in range(0, max(table.num_rows, 1), BLOCK):
            yield _result(table.slice(first, BLOCK))

    def command(self, sql: str, *, rows: Any = None) -> None:
        self._run(sql, "CSV", rows)

    def _run(self, sql: str, form: str, rows: Any = None) -> Any:
        """Run a statement; chdb's Python(rows) finds the variable `rows` of this very function."""
        with self._lock:
            try:
                return self._session.query(sql, form)
            except Exception as exc:  # chdb raises bare RuntimeErrors
                if "(UNKNOWN_TABLE)" in str(exc):
                    raise SinkError("the embedded ClickHouse lacks a table: run `haochaping migrate`") from exc
                raise SinkUnavailable(f"the embedded ClickHouse refused: {_first_line(exc)}") from exc

    def server_version(self) -> tuple[int, int]:
        major, minor, *_ = str(self.query("SELECT version() AS version").rows[0][0]).split(".")
        return int(major), int(minor)

    def close(self) -> None:
        with self._lock:
            self._session.close()


def _result(table: Any) -> Result:
    columns = [column.to_pylist() for column in table.columns]
    return Result(list(table.column_names), list(zip(*columns, strict=True)))


def _refuse_if_open(folder: Path) -> None:
    """Ask for chdb's own lock: refused it, chdb writes a line to stderr by itself and raises an error without a reason.

    Raises:
        SinkInUse: another process has the folder open.
    """
    try:
        with (folder / "status").open("r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return  # nobody has it open
    except BlockingIOError:
        raise SinkInUse(
            f"the folder {folder} is open in another process, as a running worker has it: each process needs an "
            "HCP_DATA_DIR of its own, or a server"
        ) from None


def _first_line(exc: Exception) -> str:
    return (str(exc).strip().splitlines() or [type(exc).__name__])[0][:300]
