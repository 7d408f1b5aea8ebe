"""reviews → reviews.enriched: validate, pseudonymise, match, classify. No memory but the reference."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from pydantic import ValidationError

from streams.agents.refusals import Reason, Refusals
from streams.rules.categories import Lexicon, cause_of
from streams.rules.enrichment import MAX_MATCHES, Match, Reference
from streams.rules.local_time import LocalTime
from streams.rules.masking import mask
from streams.runtime.chunks import Chunk
from streams.runtime.producer import Outbox
from streams.schemas.fields import LAST_YEAR
from streams.schemas.review import BAD_RATING, MAX_BYTES, REVIEWS, Review, Reviewer
from streams.topics import Topics, partition_of

#: The hash of what the publisher sent, so that a resend is told from a conflict whatever the reference says by then.
CONTENT_HEADER = "hcp-content"

#: How far a publisher's clock may run ahead of the broker's.
FUTURE = timedelta(days=1)
_FUTURE_MS = FUTURE.total_seconds() * 1000
#: A publisher may give its records any timestamp; beyond this one no review is valid.
_FAR_MS = datetime(LAST_YEAR, 1, 1, tzinfo=UTC).timestamp() * 1000

#: A usable record: (record, its review, occurred_at and received_at in local time).
Valid = tuple[Any, Review, str, str]


class Enrich:
    """The first agent; the only one that sees personal data."""

    name = "enrich"

    def __init__(
        self,
        topics: Topics,
        partitions: int,
        reference: Reference,
        lexicon: Lexicon,
        reviewer_key: Callable[[Reviewer | None], str | None],
        zone: ZoneInfo,
        refusals: Refusals,
    ) -> None:
        self.topic = topics.reviews.name
        self._enriched = topics.enriched.name
        self._partitions = partitions
        self._reference = reference
        self._lexicon = lexicon
        self._reviewer_key = reviewer_key
        self._zone = zone
        self._local = LocalTime(zone)
        self._refusals = refusals
        self._fragments: dict[Match, bytes] = {}

    def process(self, chunk: Chunk, out: Outbox) -> None:
        """Every record of the chunk becomes an enriched review or a refusal."""
        enriched = out.messages[self._enriched]
        for record, review, occurred, received in self.valid(chunk, out):
            key = review["review_id"].encode()
            value, content = self.enrich(review, occurred, received, self.match(review))
            partition = partition_of(key, self._partitions)
            enriched[partition].append((key, value, [(CONTENT_HEADER, content)], record.timestamp))

    def valid(self, chunk: Chunk, out: Outbox) -> list[Valid]:
        """The chunk's usable records; the others are refused."""
        # Nearly every review is far from the future by its text already: only the others are looked at one by one.
        # Twelve hours, because when clocks are changed a later time may be written as an earlier one.
        oldest = min([record.timestamp for record in chunk.records])
        surely = self._local.write(None, datetime.fromtimestamp(min(max(oldest, 0), _FAR_MS) / 1000, UTC) + FUTURE / 2)
        valid = [
            each
            for each in self._in_local_time(chunk, out)
            if each[2] <= surely or not self._ahead(chunk, each[0], each[1], out)
        ]
        self._refusals.watch(chunk.topic, chunk.partition, len(chunk.records), len(chunk.records) - len(valid))
        return valid

    def _in_local_time(self, chunk: Chunk, out: Outbox) -> Iterator[Valid]:
        write = self._local.write
        for record, sent, review in self._validate(chunk, out):
            occurred = write(sent["occurred_at"], review["occurred_at"])
            received_at = review.get("received_at")
            yield record, review, occurred, write(sent["received_at"], received_at) if received_at else occurred

    def _ahead(self, chunk: Chunk, record: Any, review: Review, out: Outbox) -> bool:
        """Refuse a review from the future."""
        if review["occurred_at"].timestamp() * 1000 <= record.timestamp + _FUTURE_MS:
            return False
        self._refuse(
            out,
            chunk,
            record,
            Reason.FUTURE,
            f"occurred_at is {review['occurred_at'].isoformat()}, more than a day after the record reached "
            "the broker: check the publisher's clock and time zone",
        )
        return True

    def _validate(self, chunk: Chunk, out: Outbox) -> Iterator[tuple[Any, dict[str, Any], Review]]:
        """Records that are reviews, the document each holds, the review. Together: half the cost of one by one."""
        documents: list[Any] = []
        records: list[Any] = []
        for record in chunk.records:
            value = record.value or b""
            if len(value) > MAX_BYTES:
                detail = f"{len(value)} bytes; at most {MAX_BYTES} are taken"
                self._refuse(out, chunk, record, Reason.TOO_LARGE, detail)
                continue
            try:
                documents.append(orjson.loads(value))
            except orjson.JSONDecodeError as exc:
                self._refuse(out, chunk, record, Reason.NOT_JSON, f"not a JSON text in UTF-8: {exc}")
                continue
            records.append(record)
        context = {"zone": self._zone}
        try:
            reviews = REVIEWS.validate_python(documents, context=context)
        except ValidationError as exc:
            details: dict[int, str] = {}
            for error in exc.errors(include_url=False, include_input=False):  # the input may be personal data
                index, *path = error["loc"]
                message = error["msg"].removeprefix("Value error, ")
                details.setdefault(int(index), f"{'.'.join(map(str, path)) or 'record'}: {message}")
            for index, detail in details.items():
                self._refuse(out, chunk, records[index], Reason.SCHEMA, detail)
            good = [index for index in range(len(documents)) if index not in details]
            records = [records[index] for index in good]
            documents = [documents[index] for index in good]
            reviews = REVIEWS.validate_python(documents, context=context)
        return zip(records, documents, reviews, strict=True)

    def match(self, review: Review) -> Match:
        """What the reference says of a review."""
        return self._reference.match(
            review.get("window_id"), review.get("staff_id"), review.get("service_id"), review["occurred_at"]
        )

    def enrich(self, review: Review, occurred: str, received: str, match: Match) -> tuple[bytes, bytes]:
        """The enriched record as JSON, and the hash of what was sent (8 bytes).

        JSON is put together from fragments: what follows from the reference, or from what was found in the text, is
        the same for many reviews and written once. Ids, channels and times need no escaping (schemas/fields.py).
        """
        own = (
            f'{{"review_id":"{review["review_id"]}","occurred_at":"{occurred}","received_at":"{received}",'
            f'"rating":{review["rating"]},"channel":"{review["channel"]}",'
        ).encode() + (_NO_EXTRAS if _EXTRAS.isdisjoint(review) else self._extras(review))
        # The staff_id as given, not as resolved: that may change.
        given = f"{match.window_id}|{review.get('staff_id')}|{match.service_id}".encode()
        content = blake2b(own + given, digest_size=8).digest()
        tags, comment = review.get("tags"), review.get("comment")
        categories = self._lexicon.classify(tags, comment) if tags or comment else ()
        return own + self._matched(match) + _found(review["rating"], categories), content

    def _extras(self, review: Review) -> bytes:
        """What most reviews do not have."""
        comment = review.get("comment")
        return _inside(
            orjson.dumps(
                {
                    "case_no": review.get("case_no"),
                    "comment": mask(comment) if comment else comment,
                    "tags": review.get("tags") or [],
                    "reviewer_key": self._reviewer_key(review.get("reviewer")),
                }
            )
        )

    def _matched(self, match: Match) -> bytes:
        """The ids and what the reference says of them."""
        fragment = self._fragments.get(match)
        if fragment is None:
            if len(self._fragments) >= MAX_MATCHES:
                self._fragments.clear()
            fragment = self._fragments[match] = _inside(orjson.dumps(match))
        return fragment

    def _refuse(self, out: Outbox, chunk: Chunk, record: Any, reason: Reason, detail: str) -> None:
        source = f"{chunk.topic}/{chunk.partition}/{record.offset}"
        self._refusals.refuse(out, reason, detail, source, record.key, record.value)


def _inside(document: bytes) -> bytes:
    """A JSON object's members, with a comma behind them."""
    return document[1:-1] + b","


_EXTRAS = frozenset({"case_no", "comment", "tags", "reviewer"})
_NO_EXTRAS = _inside(orjson.dumps({"case_no": None, "comment": None, "tags": [], "reviewer_key": None}))


@lru_cache(maxsize=4096)
def _found(rating: int, categories: tuple[str, ...]) -> bytes:
    """What the text says, and the end of the record."""
    bad = rating <= BAD_RATING
    found = {
        "bad": bad,
        "categories": categories,
        "cause": cause_of(categories),
        "hidden_negative": not bad and bool(categories),
    }
    return orjson.dumps(found)[1:]
