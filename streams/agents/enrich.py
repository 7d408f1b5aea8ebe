"""reviews → reviews.enriched: validate, pseudonymise, match, classify. No memory but the reference."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import lru_cache
from hashlib import blake2b
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from pydantic import ValidationError

from streams.agents.refusals import Reason, Refusals
from streams.rules.categories import Lexicon, cause_of
from streams.rules.enrichment import MAX_MATCHES, Match, Reference
from streams.rules.masking import mask
from streams.runtime.chunks import Chunk
from streams.runtime.producer import Outbox
from streams.schemas.review import BAD_RATING, MAX_BYTES, REVIEWS, Review, Reviewer
from streams.topics import Topics, partition_of

#: The hash of what the publisher sent, so that a resend is told from a conflict whatever the reference says by then.
CONTENT_HEADER = "hcp-content"

#: How far a publisher's clock may run ahead of the broker's.
FUTURE = timedelta(days=1)
_FUTURE_MS = FUTURE.total_seconds() * 1000


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
        self._refusals = refusals
        self._fragments: dict[Match, bytes] = {}

    def process(self, chunk: Chunk, out: Outbox) -> None:
        """Every record of the chunk becomes an enriched review or a refusal."""
        enriched = out.messages[self._enriched]
        records = list(chunk.records)
        reviews = self._validate(chunk, records, out)
        refused = 0
        for record, review in zip(records, reviews, strict=True):
            if review is None:
                refused += 1
                continue
            arrived = record.timestamp
            if review["occurred_at"].timestamp() * 1000 > arrived + _FUTURE_MS:
                refused += 1
                self._refuse(
                    out,
                    chunk,
                    record,
                    Reason.FUTURE,
                    f"occurred_at is {review['occurred_at'].isoformat()}, more than a day after the record reached "
                    "the broker: check the publisher's clock and time zone",
                )
                continue
            key = review["review_id"].encode()
            value, content = self._enrich(review)
            enriched[partition_of(key, self._partitions)].append((key, value, [(CONTENT_HEADER, content)], arrived))
        self._refusals.watch(chunk.topic, chunk.partition, len(records), refused)

    def _validate(self, chunk: Chunk, records: Sequence[Any], out: Outbox) -> list[Review | None]:
        """A review, or None once refused, for each record. Validated together: half the cost of one by one."""
        documents: list[Any] = []
        places: list[int] = []
        for place, record in enumerate(records):
            if record.value is not None and len(record.value) > MAX_BYTES:
                self._refuse(
                    out,
                    chunk,
                    record,
                    Reason.TOO_LARGE,
                    f"{len(record.value)} bytes; at most {MAX_BYTES} are taken",
                )
                continue
            try:
                documents.append(orjson.loads(record.value or b""))
            except orjson.JSONDecodeError as exc:
                self._refuse(out, chunk, record, Reason.NOT_JSON, f"not a JSON text in UTF-8: {exc}")
                continue
            places.append(place)
        reviews: list[Review | None] = [None] * len(records)
        context = {"zone": self._zone}
        try:
            valid = REVIEWS.validate_python(documents, context=context)
        except ValidationError as exc:
            details: dict[int, str] = {}
            for error in exc.errors(include_url=False, include_input=False):  # the input may be personal data
                index, *path = error["loc"]
                message = error["msg"].removeprefix("Value error, ")
                details.setdefault(int(index), f"{'.'.join(map(str, path)) or 'record'}: {message}")
            for index, detail in details.items():
                self._refuse(out, chunk, records[places[index]], Reason.SCHEMA, detail)
            good = [index for index in range(len(documents)) if index not in details]
            places = [places[index] for index in good]
            valid = REVIEWS.validate_python([documents[index] for index in good], context=context)
        for place, review in zip(places, valid, strict=True):
            reviews[place] = review
        return reviews

    def _enrich(self, review: Review) -> tuple[bytes, bytes]:
        """The enriched record as JSON, and the hash of what was sent (8 bytes).

        JSON is put together from fragments: what follows from the reference, or from what was found in the text, is
        the same for many reviews and written once. Ids, channels and times need no escaping (schemas/fields.py).
        """
        occurred_at, window_id, staff_id = review["occurred_at"], review.get("window_id"), review.get("staff_id")
        service_id, tags, comment = review.get("service_id"), review.get("tags"), review.get("comment")
        # Written in local time, so that a date at the front is the local day.
        occurred = occurred_at.astimezone(self._zone).isoformat()
        received_at = review.get("received_at")
        received = received_at.astimezone(self._zone).isoformat() if received_at else occurred
        own = (
            f'{{"review_id":"{review["review_id"]}","occurred_at":"{occurred}","received_at":"{received}",'
            f'"rating":{review["rating"]},"channel":"{review["channel"]}",'
        ).encode() + (_NO_EXTRAS if _EXTRAS.isdisjoint(review) else self._extras(review))
        given = f"{window_id}|{staff_id}|{service_id}".encode()  # as given: what it resolves to may change
        content = blake2b(own + given, digest_size=8).digest()
        match = self._reference.match(window_id, staff_id, service_id, occurred_at)
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
