"""What the aggregate agent remembers: the reviews seen, and the daily cells."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import takewhile
from typing import Any

import orjson

from streams.rules import tally
from streams.rules.admission import FUTURE_MS, HASH_BYTES, Seen, offset_of, remember
from streams.runtime.clock import BEGINNING
from streams.runtime.producer import Message

#: Kinds of changelog keys.
_SEEN, _CELL, _CLOCK = b"s", b"c", b"t"

#: Reviews in one changelog record: about 100 KiB.
SEGMENT = 2000

_NOBODY = (b"", b"", "")
_NO_HEADERS: list[tuple[str, bytes]] = []
_COUNTERS = (1 << tally.WIDTH) - 1


class AggregateMemory:
    """One partition's memory: the reviews seen, and the cells.

    A cell is one integer: the packed counters (see rules/tally.py) and above them its fence, an offset: every record
    below it that belongs in the cell has been counted, none at or above it has.
    """

    def __init__(self) -> None:
        self.seen: dict[str, Seen] = {}
        self._cells: dict[str, dict[bytes, int]] = {}  # day: dimension|member_id: cell
        self._fence = 0  # the highest of all cells
        self._segments: dict[bytes, tuple[int, list[str]]] = {}  # changelog key: newest arrival (ms), review ids
        # Members by dimension and id, one bytes object for all days: dimension|member_id, and its newest name twice.
        self._members: dict[str, dict[str, tuple[bytes, bytes, str]]] = defaultdict(dict)
        self._arrived = 0  # newest arrival, ms since the epoch
        self.clock = BEGINNING  # the event clock, as last noticed

    def __len__(self) -> int:
        return len(self.seen) + sum(map(len, self._cells.values()))

    def recall(self, key: bytes, value: bytes | None) -> None:
        """Take back a changelog record: a segment of reviews seen, a cell, or the time."""
        if key[:1] == _CELL:
            if value is not None:
                day, _, member = key[1:].partition(b"|")
                self._recall_cell(day.decode(), member, value)
        elif value is None:
            self._forget(key)
        elif key == _CLOCK:
            self.clock = max(self.clock, datetime.fromisoformat(value.decode()))
        else:
            self._recall_segment(key, value)

    def _recall_cell(self, day: str, member: bytes, value: bytes) -> None:
        cell, name = int.from_bytes(value[: tally.WIRE_BYTES], "big"), value[tally.WIRE_BYTES :]
        dimension, _, member_id = member.decode().partition("|")
        known = self._members[dimension].get(member_id)
        if known is None or name not in (b"", known[1]):
            known = self._name(dimension, member_id, name.decode())
        member = known[0]  # the one object
        cells = self._cells.setdefault(day, {})
        cells[member] = max(cells.get(member, 0), cell)  # the higher fence is the newer, and stands on top
        self._fence = max(self._fence, cell >> tally.WIDTH)

    def _recall_segment(self, key: bytes, value: bytes) -> None:
        arrived, review_ids, offsets, contents = orjson.loads(value)
        self._arrived = max(self._arrived, arrived)
        self._segments[key] = (arrived, review_ids)
        hashes = bytes.fromhex(contents)
        for number, (review_id, offset) in enumerate(zip(review_ids, offsets, strict=True)):
            entry = remember(offset, hashes[HASH_BYTES * number : HASH_BYTES * (number + 1)])
            known = self.seen.get(review_id)
            if known is None or offset_of(entry) < offset_of(known):
                self.seen[review_id] = entry

    def _forget(self, key: bytes) -> None:
        _, review_ids = self._segments.pop(key, (0, []))
        for review_id in review_ids:
            self.seen.pop(review_id, None)

    def _name(self, dimension: str, member_id: str, name: str) -> tuple[bytes, bytes, str]:
        known = self._members[dimension].get(member_id)
        member = known[0] if known else f"{dimension}|{member_id}".encode()
        named = self._members[dimension][member_id] = (member, name.encode(), name)
        return named

    def learn_names(self, names: Mapping[str, Mapping[str, str]]) -> None:
        """Note the newest name of every member: dimension, member id, name."""
        for dimension, named in names.items():
            members = self._members[dimension]
            for member_id, name in named.items():
                if members.get(member_id, _NOBODY)[2] != name:
                    self._name(dimension, member_id, name)

    def count(
        self, first: int, following: int, sums: tally.Sums, since: Callable[[int], tally.Sums], partition: int
    ) -> tuple[list[Message], dict[str, Sequence[Any]]]:
        """Add a chunk to its cells.

        Args:
            first: Offset of the chunk's first record.
            following: Offset of the record after the chunk: the new fence.
            sums: What the chunk's records add.
            since: What those at or above an offset add.
            partition: Where the chunk is from.

        Returns:
            The absolute value of every cell touched, as changelog records and as columns of the table `daily_cells`.
        """
        again = first < self._fence  # read again after a crash: some cells have some of it
        fence = following << tally.WIDTH
        changelog: list[Message] = []
        packed: list[bytes] = []
        names: list[str] = []
        versions: list[int] = []
        keys: dict[str, list[Any]] = {"day": [], "dimension": [], "member_id": []}
        for dimension, by_day in sums.items():
            members = self._members[dimension]
            for day, touched in by_day.items():
                cells = self._cells.setdefault(day, {})
                key_front = _CELL + day.encode() + b"|"
                for member_id, added in touched.items():
                    member, encoded, name = members.get(member_id) or self._name(dimension, member_id, "")
                    cell = cells.get(member, 0)
                    if again and cell >> tally.WIDTH > first:
                        rest = since(cell >> tally.WIDTH)
                        added = rest[dimension].get(day, {}).get(member_id, 0)
                        cells[member] = cell = max(fence, cell & ~_COUNTERS) | (cell & _COUNTERS) + added
                    else:
                        cells[member] = cell = fence | (cell & _COUNTERS) + added
                    value = tally.pack(cell)
                    changelog.append((key_front + member, value + encoded, _NO_HEADERS, None))
                    packed.append(value)
                    if again:
                        versions.append(cell >> tally.WIDTH)
                    names.append(name)
                keys["day"] += [date.fromisoformat(day)] * len(touched)
                keys["dimension"] += [dimension] * len(touched)
                keys["member_id"] += touched
        self._fence = max(self._fence, following)
        columns: dict[str, Sequence[Any]] = {**keys, "member_name": names, **tally.unpack_all(packed)}
        columns["version"] = versions if again else [following] * len(packed)
        columns["partition"] = [partition] * len(packed)
        return changelog, columns

    def notice(self, now: datetime) -> Iterator[Message]:
        """The changelog record of the event clock, if it has gone on."""
        if now > self.clock:
            self.clock = now
            yield _CLOCK, now.isoformat().encode(), _NO_HEADERS, None

    def keep(self, review_ids: list[str], offsets: list[int], contents: list[bytes], arrived: int) -> Iterator[Message]:
        """Changelog records of reviews just seen, their offsets and content hashes; `arrived` by then (ms)."""
        self._arrived = max(self._arrived, arrived)
        for start in range(0, len(review_ids), SEGMENT):
            part = slice(start, start + SEGMENT)
            ids, at = review_ids[part], offsets[part]
            # Keyed by its offsets: what another worker, cut off and late, says of other offsets replaces nothing.
            key = _SEEN + b"%d-%d" % (at[0], at[-1])
            self._segments[key] = (self._arrived, ids)
            yield key, orjson.dumps((self._arrived, ids, at, b"".join(contents[part]).hex())), _NO_HEADERS, None

    def expire(self, now_ms: int, keep_ms: int) -> Iterator[Message]:
        """Forget reviews that arrived more than `keep_ms` before the newest; changelog records that say so.

        One record stamped by a machine whose clock was far ahead must not make all others old.
        """
        before = min(self._arrived, now_ms + FUTURE_MS) - keep_ms
        # In the order of arrival: behind the first that is young enough, all are.
        old = [key for key, _ in takewhile(lambda each: each[1][0] < before, self._segments.items())]
        for key in old:
            self._forget(key)
            yield key, None, [], None
