"""What a sink is: ClickHouse, reached one way or the other."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from streams.errors import HaochapingError

#: Rows, column by column; all columns equally long. An instant is an aware datetime, or whole µs since 1970, which
#: both drivers take as they are: to turn a datetime into them costs as much as the rest of its row.
Columns = Mapping[str, Sequence[Any]]

#: Tables are in parts by month, and a backfill may bring reviews of more than a hundred months at once, which
#: ClickHouse takes for a mistake unless told otherwise.
INSERT_SETTINGS = {"max_partitions_per_insert_block": 0}

#: Rows of a large answer that are Python objects at a time: as such they take many times their room.
BLOCK = 5000

CONNECT_TIMEOUT = 5  # seconds
ANSWER_TIMEOUT = 30


class SinkError(HaochapingError):
    """ClickHouse refused, and only a person can help: wrong password, no such database, schema behind."""


class SinkUnavailable(HaochapingError):
    """ClickHouse is away, full or overloaded: the same call may work later."""


class SinkInUse(HaochapingError):
    """Another process has the embedded database's folder open."""


@dataclass(frozen=True, slots=True)
class Result:
    """The answer to a query; dates and instants are Python's own, instants aware."""

    names: list[str]
    rows: list[tuple[Any, ...]]


class Sink(Protocol):
    """A ClickHouse database. Calls block for at most the timeouts above and may come from any thread.

    Every method may raise SinkUnavailable or SinkError; neither message ever shows the password.
    """

    def ping(self) -> None:
        """Return if the database answers."""

    def create_database(self) -> None:
        """Create the database if it is not there."""

    def insert(self, table: str, columns: Columns) -> int:
        """Insert rows; returns their number once the database has them.

        Nothing tells a row that is in from one that is not after a failure, so callers insert again, as a whole:
        the tables keep the highest version of a key, and rows are absolute values.
        """

    def query(self, sql: str) -> Result:
        """Run a SELECT."""

    def blocks(self, sql: str) -> Generator[Result, None, None]:
        """Run a SELECT whose answer may be large: BLOCK rows at a time, and one block if there are none.

        Until it is read to its end or closed, nobody else reads.
        """

    def command(self, sql: str) -> None:
        """Run a statement without an answer."""

    def server_version(self) -> tuple[int, int]:
        """ClickHouse's version, such as (26, 3)."""

    def close(self) -> None:
        """Let go of the database."""
