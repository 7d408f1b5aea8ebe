"""A ClickHouse server, by its native protocol."""

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from clickhouse_driver import Client
from clickhouse_driver.errors import Error, ErrorCodes, ServerException, TypeMismatchError

from sinks.base import (
    ANSWER_TIMEOUT,
    BLOCK,
    CONNECT_TIMEOUT,
    INSERT_SETTINGS,
    Columns,
    Result,
    SinkError,
    SinkUnavailable,
)
from streams.errors import HaochapingError

T = TypeVar("T")

_ENCODE = "signs such as / # ? @ [ in the password are written %2F %23 %3F %40 %5B"

#: What only a person can mend, and how. Everything else the server says may pass.
_FOR_PEOPLE = {
    ErrorCodes.UNKNOWN_USER: "does not know the user: check HCP_CLICKHOUSE_URL",
    ErrorCodes.WRONG_PASSWORD: "refuses the password: check HCP_CLICKHOUSE_URL",
    ErrorCodes.REQUIRED_PASSWORD: "wants a password: check HCP_CLICKHOUSE_URL",
    516: "refuses user or password: check HCP_CLICKHOUSE_URL",  # AUTHENTICATION_FAILED, since 19.17
    ErrorCodes.UNKNOWN_DATABASE: "has no such database: run `haochaping migrate`",
    ErrorCodes.UNKNOWN_TABLE: "lacks a table: run `haochaping migrate`",
    ErrorCodes.NO_SUCH_COLUMN_IN_TABLE: "lacks a column: run `haochaping migrate`",
    497: "does not allow this user to do that: see docs/operations.md for its rights",  # ACCESS_DENIED
}


def _secure(query: str) -> bool:
    """Whether a URL's parameters ask for TLS. What is not understood is refused: a password might go in clear text."""
    given = dict(parse_qsl(query, keep_blank_values=True))
    secure = _ANSWERS.get(given.pop("secure", "0").lower())
    if secure is None or given:
        raise HaochapingError("HCP_CLICKHOUSE_URL: behind the ? may stand secure=1 (or 0), and nothing else")
    return secure


_ANSWERS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


class _Connection:
    """clickhouse-driver under a lock: a connection does one thing at a time. It reconnects after every failure."""

    def __init__(self, client: Client, where: str) -> None:
        self._client = client
        self._where = where
        self._lock = threading.Lock()

    def do(self, call: Callable[[Client], T]) -> T:
        """What the call returns; it raises as turn() does."""
        with self.turn() as client:
            return call(client)

    @contextmanager
    def turn(self) -> Iterator[Client]:
        """The client, for as long as one thing takes.

        Raises:
            SinkUnavailable: the server does not answer, or says what may pass.
            SinkError: it says what only a person can mend.
        """
        with self._lock:
            try:
                yield self._client
            except ServerException as exc:
                self._client.disconnect()
                if exc.code in _FOR_PEOPLE:
                    raise SinkError(f"ClickHouse at {self._where} {_FOR_PEOPLE[exc.code]}") from exc
                said = str(exc.message).split("Stack trace")[0].strip().splitlines()[0][:300]
                raise SinkUnavailable(f"ClickHouse at {self._where}: {said}") from exc
            except TypeMismatchError:
                self._client.disconnect()
                raise  # a value of ours that no column takes: trying again would go on for ever
            except (Error, OSError, EOFError) as exc:
                self._client.disconnect()
                said = str(exc).splitlines()[0][:300] if str(exc) else type(exc).__name__
                raise SinkUnavailable(f"ClickHouse at {self._where} does not answer: {said}") from exc
            except BaseException:
                self._client.disconnect()  # whatever it was, half an answer may be on the wire
                raise

    def close(self) -> None:
        """Disconnect."""
        with self._lock:
            self._client.disconnect()


class ClickHouseSink:
    """A connection to write by, one to read by, one to ask whether it answers: no long query holds up the others."""

    def __init__(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            given = parts.port
        except ValueError:
            raise HaochapingError(f"HCP_CLICKHOUSE_URL: cannot be read or has no numeric port; {_ENCODE}") from None
        if not parts.hostname or "@" in parts.path + parts.query + parts.fragment:
            raise HaochapingError(f"HCP_CLICKHOUSE_URL: there is no host in it; {_ENCODE}")
        secure = _secure(parts.query)
        port = given or (9440 if secure else 9000)
        self._where = f"{parts.hostname}:{port}"
        self._database = parts.path.strip("/") or "haochaping"
        self._options: dict[str, Any] = {
            "host": parts.hostname,
            "port": port,
            "user": unquote(parts.username or "default"),
            "password": unquote(parts.password or ""),
            "secure": secure,
            "connect_timeout": CONNECT_TIMEOUT,
            "send_receive_timeout": ANSWER_TIMEOUT,
            "sync_request_timeout": CONNECT_TIMEOUT,
            "client_name": "haochaping",
        }
        self._writes, self._reads, self._pings = (self._connection(self._database) for _ in range(3))
        self._coarse_columns: dict[str, frozenset[str]] = {}
        self._settings: dict[str, Any] | None = None

    def _connection(self, database: str) -> _Connection:
        return _Connection(Client(database=database, **self._options), self._where)

    def ping(self) -> None:
        self._pings.do(lambda client: client.execute("SELECT 1"))

    def create_database(self) -> None:
        connection = self._connection("default")
        try:
            connection.do(lambda client: client.execute(f"CREATE DATABASE IF NOT EXISTS `{self._database}`"))
        finally:
            connection.close()

    def insert(self, table: str, columns: Columns) -> int:
        names = ", ".join(columns)
        values = list(columns.values())
        if not values or not values[0]:
            return 0
        coarse = self._coarse(table)
        if coarse:
            values = [
                [_seconds(value) for value in column] if name in coarse else column for name, column in columns.items()
            ]
        # Values go beside the statement: with inline VALUES an old server waits for more until the timeout.
        statement = f"INSERT INTO {table} ({names}) VALUES"
        known = self._insert_settings()
        return int(self._writes.do(lambda client: client.execute(statement, values, columnar=True, settings=known)))

    def _insert_settings(self) -> dict[str, Any]:
        """INSERT_SETTINGS, as far as the server knows them: an old one has no such limits, and refuses the names."""
        if self._settings is None:
            names = ", ".join(f"'{name}'" for name in INSERT_SETTINGS)
            query = f"SELECT name FROM system.settings WHERE name IN ({names})"
            rows = self._writes.do(lambda client: client.execute(query))
            self._settings = {name: INSERT_SETTINGS[name] for (name,) in rows}
        return self._settings

    def _coarse(self, table: str) -> frozenset[str]:
        """The columns of a table that know whole seconds only: it was made by a server before 20.1."""
        if table not in self._coarse_columns:
            rows = self._writes.do(lambda client: client.execute(f"DESCRIBE TABLE {table}"))
            self._coarse_columns[table] = frozenset(name for name, type_, *_ in rows if "DateTime(" in type_)
        return self._coarse_columns[table]

    def query(self, sql: str) -> Result:
        rows, types = self._reads.do(lambda client: client.execute(sql, with_column_types=True))
        return Result([name for name, _ in types], rows)

    def blocks(self, sql: str) -> Generator[Result, None, None]:
        with self._reads.turn() as client:
            rows = client.execute_iter(sql, with_column_types=True)
            names = [name for name, _ in next(rows)]
            block = list(islice(rows, BLOCK))
            yield Result(names, block)
            while block := list(islice(rows, BLOCK)):
                yield Result(names, block)

    def command(self, sql: str) -> None:
        self._reads.do(lambda client: client.execute(sql))

    def server_version(self) -> tuple[int, int]:
        major, minor, *_ = str(self.query("SELECT version()").rows[0][0]).split(".")
        return int(major), int(minor)

    def close(self) -> None:
        for connection in (self._writes, self._reads, self._pings):
            connection.close()


def _seconds(value: Any) -> Any:
    return value // 1_000_000 if isinstance(value, int) else value
