"""reviews.enriched → facts, daily cells and cases: admits each review once, tallies it, hands bad ones on."""

from collections import defaultdict
from collections.abc import Callable
from datetime import date, datetime
from operator import itemgetter
from typing import Any

import orjson

from streams.agents.enrich import CONTENT_HEADER
from streams.agents.refusals import Reason, Refusals
from streams.metrics import Metrics
from streams.rules import tally
from streams.rules.admission import Seen, Verdict, judge, offset_of, remember
from streams.runtime.chunks import Chunk
from streams.runtime.clock import Clock
from streams.runtime.memory import Memories
from streams.runtime.producer import Outbox
from streams.topics import Topics

#: Kinds of changelog keys.
_SEEN, _CELL = b"s", b"c"
_DAY_MS = 24 * 60 * 60 * 1000

#: Header of a case input that says what it is.
KIND_HEADER = "hcp-kind"
OPENING = b"opening"

#: Reviews in one changelog record: about 100 KiB.
SEGMENT = 2000

Admitted = list[tuple[int, dict[str, Any], Any]]  # offset, enriched review, record


class AggregateMemory:
    """One partition's memory: the reviews seen, and the cells.

    A cell is one integer: the packed counters (see rules/tally.py) and above them its fence, an offset: every record
    below it that belongs in the cell has been counted, none at or above it has.
    """

    def __init__(self) -> None:
        self.seen: dict[str, Seen] = {}
        self.cells: dict[str, dict[str, int]] = {}  # day: dimension|member_id: cell
        self.fence = 0  # the highest of all cells
        self.segments: dict[bytes, tuple[int, list[str]]] = {}  # changelog key: newest arrival (ms), review ids
        self.names: dict[str, str] = {}  # dimension|member_id: its newest name
        self.members: dict[tuple[str | None, ...], dict[str, str]] = {}  # a cache of tally.members()
        self.arrived = 0  # newest arrival, ms since the epoch

    def __len__(self) -> int:
        return len(self.seen) + sum(map(len, self.cells.values()))

    def recall(self, key: bytes, value: bytes | None) -> None:
        """Take back a changelog record: a segment of reviews seen, or a cell."""
        if key[:1] == _CELL:
            if value is not None:
                day, _, member = key[1:].decode().partition("|")
                cell, name = int.from_bytes(value[:_CELL_BYTES], "big"), value[_CELL_BYTES:].decode()
                cells = self.cells.setdefault(day, {})
                cells[member] = max(cells.get(member, 0), cell)  # the higher fence is the newer, and stands on top
                self.fence = max(self.fence, cell >> tally.WIDTH)
                if name:
                    self.names[member] = name
            return
        if value is None:
            self._forget(key)
            return
        arrived, reviews = orjson.loads(value)
        self.arrived = max(self.arrived, arrived)
        self.segments[key] = (arrived, list(reviews))
        for review_id, (offset, content) in reviews.items():
            entry = remember(offset, bytes.fromhex(content))
            known = self.seen.get(review_id)
            if known is None or offset_of(entry) < offset_of(known):
                self.seen[review_id] = entry

    def _forget(self, key: bytes) -> None:
        _, review_ids = self.segments.pop(key, (0, []))
        for review_id in review_ids:
            self.seen.pop(review_id, None)

    def expire(self, before: int) -> list[bytes]:
        """Forget reviews that arrived before `before` (ms); returns the changelog keys to delete."""
        old = [key for key, (arrived, _) in self.segments.items() if arrived < before]
        for key in old:
            self._forget(key)
        return old


class Aggregate:
    """The second agent, and the last one on the way of a good review."""

    name = "aggregate"

    def __init__(
        self,
        topics: Topics,
        memories: Memories[AggregateMemory],
        dedupe_days: int,
        clock: Clock,
        refusals: Refusals,
        metrics: Metrics,
        publish: Callable[[str, dict[str, Any]], None],
    ) -> None:
        self.topic = topics.enriched.name
        self.memories = memories
        self._changelog = topics.aggregate_changelog.name
        self._case_inputs = topics.case_inputs.name
        # A record read again after a crash must find what it found before, so memories outlive the promise by a day.
        self._keep_ms = (dedupe_days + 1) * _DAY_MS
        self._clock = clock
        self._refusals = refusals
        self._metrics = metrics
        self._publish = publish  # tells the board

    def recovered(self, partition: int) -> None:
        """The memory is all there is."""

    def measure(self) -> None:
        """No gauges of its own."""

    def process(self, chunk: Chunk, out: Outbox) -> None:
        """Admit, tally and sink the chunk's reviews."""
        memory = self.memories[chunk.partition]
        admitted, news = self._admit(chunk, memory, out)
        if admitted:
            facts = _facts(admitted)
            self._clock.observe(max(*facts["occurred_at"], *facts["received_at"]))
            self._tally(chunk, memory, admitted, out)
            out.insert("reviews", facts)
            for _, review, record in admitted:
                if review["bad"]:
                    self._open_case(review, record, out)
        self._count(news)
        self._remember(chunk, memory, news, out)

    def _admit(self, chunk: Chunk, memory: AggregateMemory, out: Outbox) -> tuple[Admitted, Admitted]:
        """The reviews to give effect to, and those among them never seen before, as (offset, review, record)."""
        admitted, news = [], []
        for record in chunk.records:
            review = orjson.loads(record.value)
            content = next(value for name, value in record.headers if name == CONTENT_HEADER)
            verdict = judge(memory.seen.get(review["review_id"]), record.offset, content)
            if verdict is Verdict.NEW:
                memory.seen[review["review_id"]] = remember(record.offset, content)
                news.append((record.offset, review, record))
                admitted.append((record.offset, review, record))
            elif verdict is Verdict.AGAIN:
                admitted.append((record.offset, review, record))
            elif verdict is Verdict.DUPLICATE:
                self._metrics.duplicates.inc()
            else:
                self._refusals.refuse(
                    out,
                    Reason.CONFLICT,
                    f"review_id {review['review_id']} was taken before with other content: the first one stands; "
                    "send a changed review under an id of its own",
                    f"{chunk.topic}/{chunk.partition}/{record.offset}",
                    record.key,
                    record.value,
                )
        return admitted, news

    def _tally(self, chunk: Chunk, memory: AggregateMemory, admitted: Admitted, out: Outbox) -> None:
        """Add the reviews to their cells, and give every touched cell's absolute value to the sink and changelog."""
        sums = self._sums(memory, admitted)
        counted = chunk.records[0].offset < memory.fence  # read again after a crash: some cells have some of it
        fence = chunk.next_offset << tally.WIDTH
        changelog = out.messages[self._changelog][chunk.partition]
        columns: dict[str, list[Any]] = {name: [] for name in CELL_COLUMNS}
        counters = []
        for day, touched in sums.items():
            cells, names = memory.cells.setdefault(day, {}), memory.names
            columns["day"] += [date.fromisoformat(day)] * len(touched)
            for member, added in touched.items():
                cell = cells.get(member, 0)
                if counted and cell >> tally.WIDTH > chunk.records[0].offset:
                    rest = [each for each in admitted if each[0] >= cell >> tally.WIDTH]
                    added = self._sums(memory, rest).get(day, {}).get(member, 0)
                cell = max(fence, cell & ~_COUNTERS) | (cell & _COUNTERS) + added
                cells[member] = cell
                name = names.get(member, "")
                changelog.append(
                    (
                        _CELL + f"{day}|{member}".encode(),
                        cell.to_bytes(_CELL_BYTES, "big") + name.encode(),
                        [],
                        None,
                    )
                )
                dimension, _, member_id = member.partition("|")
                columns["dimension"].append(dimension)
                columns["member_id"].append(member_id)
                columns["member_name"].append(name)
                columns["version"].append(cell >> tally.WIDTH)
                counters.append(tally.unpack(cell))
        memory.fence = max(memory.fence, chunk.next_offset)
        columns["partition"] = [chunk.partition] * len(counters)
        columns |= dict(zip(tally.COUNTERS, map(list, zip(*counters, strict=True)), strict=True))
        out.insert("daily_cells", columns)

    def _sums(self, memory: AggregateMemory, admitted: Admitted) -> dict[str, dict[str, int]]:
        """What these reviews add to each cell: day → dimension|member_id → packed counters."""
        sums: dict[str, dict[str, int]] = {}
        for _, review, _ in admitted:
            fields = _MEMBERSHIP(review)
            members = memory.members.get(fields)
            if members is None:
                members = memory.members[fields] = tally.members(fields)
                memory.names |= {member: name for member, name in members.items() if name}
            unit = tally.unit(review)
            day = sums.get(review["occurred_at"][:10])
            if day is None:
                day = sums[review["occurred_at"][:10]] = defaultdict(int)
            for member in members:
                day[member] += unit
            for category in review["categories"]:
                day[f"category|{category}"] += unit
        return sums

    def _open_case(self, review: dict[str, Any], record: Any, out: Outbox) -> None:
        key = review["review_id"].encode()
        out.produce(self._case_inputs, key, record.value, ((KIND_HEADER, OPENING),), timestamp=record.timestamp)

    def _count(self, news: Admitted) -> None:
        by_rating: dict[tuple[str, str], int] = defaultdict(int)
        for _, review, _ in news:
            by_rating[str(review["rating"]), review["channel"]] += 1
            if not review["three_match"]:
                for entity, matched in review["matched"].items():
                    # An online review has no window: only an id that leads nowhere is a failure to match.
                    if not matched and review[f"{entity}_id"] is not None:
                        self._metrics.unmatched.labels(entity).inc()
            if review["bad"]:
                self._metrics.bad_reviews.labels(review["department_id"] or "").inc()
                self._publish("bad_review", review)
        for labels, number in by_rating.items():
            self._metrics.reviews.labels(*labels).inc(number)

    def _remember(self, chunk: Chunk, memory: AggregateMemory, news: Admitted, out: Outbox) -> None:
        """Write the reviews just seen to the changelog, packed; forget those that arrived too long ago."""
        memory.arrived = max(memory.arrived, max(record.timestamp for record in chunk.records))
        changelog = out.messages[self._changelog][chunk.partition]
        for start in range(0, len(news), SEGMENT):
            part = news[start : start + SEGMENT]
            # Keyed by its offsets: what another worker, cut off and late, says of other offsets replaces nothing.
            key = _SEEN + b"%d-%d" % (part[0][0], part[-1][0])
            reviews = {
                review["review_id"]: (
                    offset,
                    (memory.seen[review["review_id"]] & (2**64 - 1)).to_bytes(8, "big").hex(),
                )
                for offset, review, _ in part
            }
            memory.segments[key] = (memory.arrived, list(reviews))
            changelog.append((key, orjson.dumps((memory.arrived, reviews)), [], None))
        for key in memory.expire(memory.arrived - self._keep_ms):
            changelog.append((key, None, [], None))


_COUNTERS = (1 << tally.WIDTH) - 1
_CELL_BYTES = tally.WIDTH // 8 + 8  # the counters and a fence
_MEMBERSHIP = itemgetter(*tally.MEMBERSHIP)

CELL_COLUMNS = ("day", "dimension", "member_id", "partition", "member_name", *tally.COUNTERS, "version")

#: Columns of the table `reviews` that stand in the enriched record under the same name.
_SAME = (
    "review_id",
    "rating",
    "channel",
    "window_id",
    "window_name",
    "hall_id",
    "hall_name",
    "department_id",
    "department_name",
    "staff_id",
    "staff_name",
    "service_id",
    "service_name",
    "case_no",
    "comment",
    "tags",
    "reviewer_key",
    "categories",
    "cause",
)
_FLAGS = ("three_match", "bad", "hidden_negative")


def _facts(admitted: Admitted) -> dict[str, list[Any]]:
    """Rows of the table `reviews`, column by column."""
    reviews = [review for _, review, _ in admitted]
    columns: dict[str, list[Any]] = {name: [review[name] for review in reviews] for name in _SAME}
    columns |= {name: [int(review[name]) for review in reviews] for name in _FLAGS}
    for entity in ("window", "staff", "service"):
        columns[f"matched_{entity}"] = [int(review["matched"][entity]) for review in reviews]
    for name in ("occurred_at", "received_at"):
        columns[name] = [datetime.fromisoformat(review[name]) for review in reviews]
    columns["day"] = [date.fromisoformat(review["occurred_at"][:10]) for review in reviews]
    columns["version"] = [offset for offset, _, _ in admitted]
    return columns
