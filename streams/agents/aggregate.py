"""reviews.enriched → facts, daily cells and cases: admits each review once, tallies it, hands bad ones on.

Nearly every review is good and ends here, so a chunk is turned into columns once and worked on column by column.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from operator import itemgetter
from typing import Any

import orjson

from streams.agents.aggregate_memory import AggregateMemory
from streams.agents.case_inputs import KIND_HEADER, OPENING
from streams.agents.effects import Effects
from streams.agents.enrich import SENT_HEADER
from streams.agents.refusals import Reason, Refusals
from streams.metrics import Metrics
from streams.rules.admission import HASH_BYTES, Verdict, judge, remember
from streams.rules.local_time import EPOCH
from streams.runtime.chunks import Chunk, Record
from streams.runtime.clock import Clock
from streams.runtime.memory import Memories
from streams.runtime.producer import Outbox
from streams.topics import DAY_MS, Topics

#: A record to give effect to: (record, enriched review, hash of what was sent).
Admitted = tuple[Record, dict[str, Any], bytes]

_RATED = itemgetter("rating", "channel")


@dataclass(slots=True)
class NewReviews:
    """The reviews of a chunk that were never seen before, as the memory keeps them."""

    review_ids: list[str] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    contents: list[bytes] = field(default_factory=list)

    def take(self, new: Sequence[Admitted]) -> None:
        """Take in some of them."""
        self.review_ids += [review["review_id"] for _, review, _ in new]
        self.offsets += [record.offset for record, _, _ in new]
        self.contents += [content for _, _, content in new]


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
        self._reviews = topics.reviews.name
        self._changelog = topics.aggregate_changelog.name
        self._case_inputs = topics.case_inputs.name
        # A record read again after a crash must find what it found before, so memories outlive the promise by a day.
        self._keep_ms = (dedupe_days + 1) * DAY_MS
        self._clock = clock
        self._refusals = refusals
        self._metrics = metrics
        self._publish = publish  # tells the board

    def recovered(self, partition: int) -> None:
        """The event clock goes on from where it was."""
        self._clock.observe(self.memories[partition].clock)

    def measure(self) -> None:
        """No gauges of its own."""

    def process(self, chunk: Chunk, out: Outbox) -> None:
        """Admit, tally and sink the chunk's reviews."""
        memory = self.memories[chunk.partition]
        changelog = out.messages[self._changelog][chunk.partition]
        effects, news = Effects(), NewReviews()
        for part in chunk.parts():
            self._take(part, memory, effects, news, out)
        if effects:
            newest = max(max(effects.facts["occurred_at"]), max(effects.facts["received_at"]))
            self._clock.observe(EPOCH + timedelta(microseconds=newest))
            changelog += memory.notice(self._clock.now()) if self._clock.by_events else ()
            memory.learn_names(effects.names)
            since = cache(effects.since)  # as many offsets as there were chunks before the crash
            first = chunk.records[0].offset
            kept, cells = memory.count(first, chunk.next_offset, effects.sums, since, chunk.partition)
            changelog += kept
            out.insert("daily_cells", cells)
            out.insert("reviews", effects.facts)
        arrived = max([record.timestamp for record in chunk.records])
        changelog += memory.keep(news.review_ids, news.offsets, news.contents, arrived)
        changelog += memory.expire(time.time_ns() // 1_000_000, self._keep_ms)

    def _take(self, part: Chunk, memory: AggregateMemory, effects: Effects, news: NewReviews, out: Outbox) -> None:
        """Some hundred of them."""
        admitted, new = self._admit(part, memory, out)
        if admitted:
            effects.take([review for _, review, _ in admitted], [record.offset for record, _, _ in admitted])
        for record, review, _ in admitted:
            if review["bad"]:
                self._open_case(record, out)
        news.take(new)
        self._count([review for _, review, _ in new])

    def _admit(self, chunk: Chunk, memory: AggregateMemory, out: Outbox) -> tuple[list[Admitted], list[Admitted]]:
        """The reviews to give effect to, and those among them never seen before."""
        admitted, news = [], []
        seen, load = memory.seen, orjson.loads
        for record in chunk.records:
            review = load(record.value)
            review_id, sent = review["review_id"], _sent(record)
            content = sent[:HASH_BYTES]
            known = seen.get(review_id)
            verdict = Verdict.NEW if known is None else judge(known, record.offset, content)
            if verdict is Verdict.NEW:
                seen[review_id] = remember(record.offset, content)
                new = record, review, content
                news.append(new)
                admitted.append(new)
            elif verdict is Verdict.AGAIN:
                admitted.append((record, review, content))
            elif verdict is Verdict.DUPLICATE:
                self._metrics.duplicates.inc()
            else:
                self._refuse(chunk, record, sent[HASH_BYTES:], out)
        return admitted, news

    def _refuse(self, chunk: Chunk, record: Record, sent: bytes, out: Outbox) -> None:
        """A conflict. Enriched anew after a crash it stands elsewhere; what was sent, which is named, does not."""
        place, key = f"{chunk.topic}/{chunk.partition}/{record.offset}", record.key
        if sent:  # enriched by a version that says so
            partition, offset, *keys = sent.split(b"/", 2)
            place = f"{self._reviews}/{partition.decode()}/{offset.decode()}"
            key = (keys[0][1:] if keys[0] else None) if keys else key
        detail = (
            f"review_id {record.key.decode()} was taken before with other content: the first one stands; "
            "send a changed review under an id of its own"
        )
        self._refusals.refuse(out, Reason.CONFLICT, detail, place, key, record.value)

    def _open_case(self, record: Record, out: Outbox) -> None:
        out.produce(self._case_inputs, record.key, record.value, ((KIND_HEADER, OPENING),))

    def _count(self, news: Sequence[dict[str, Any]]) -> None:
        for (rating, channel), number in Counter(map(_RATED, news)).items():
            self._metrics.reviews.labels(str(rating), channel).inc(number)
        for review in news:
            if not review["three_match"]:
                for entity, matched in review["matched"].items():
                    # An online review has no window: only an id that leads nowhere is a failure to match.
                    if not matched and review[f"{entity}_id"] is not None:
                        self._metrics.unmatched.labels(entity).inc()
            if review["bad"]:
                self._metrics.bad_reviews.labels(review["department_id"] or "").inc()
                self._publish("bad_review", review)


def _sent(record: Record) -> bytes:
    """What the publisher sent, in the one header that agents/enrich.py gives."""
    ((name, sent),) = record.headers
    assert name == SENT_HEADER, f"{name} is no header of ours"
    return bytes(sent)
