"""reviews → reviews.enriched: validate, pseudonymise, match, classify. No memory but the reference."""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import orjson
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from streams.agents.refusals import Reason, Refusals, too_large, unusable
from streams.rules.admission import FUTURE, FUTURE_MS, HASH_BYTES
from streams.rules.categories import Lexicon, cause_of
from streams.rules.enrichment import MAX_MATCHES, Match, Reference
from streams.rules.local_time import LocalTime, instant
from streams.rules.masking import mask
from streams.runtime.chunks import Chunk, Record
from streams.runtime.producer import Message, Outbox
from streams.schemas.fields import ID_PATTERN, told
from streams.schemas.review import BAD_RATING, REVIEWS, Review, Reviewer
from streams.topics import Topics, partition_of

#: What the publisher sent: its hash, so that a resend is told from a conflict whatever the reference says by then; and,
#: for a conflict to name it, its place `partition/offset`, and if its key was not the review's id, `/` for none, or
#: `/=` and the key if that is an id.
SENT_HEADER = "hcp-content"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Valid:
    """The usable records of a chunk, column by column."""

    records: Sequence[Record]
    reviews: Sequence[Review]
    occurred: Sequence[str]  # occurred_at in local time
    received: Sequence[str]  # received_at in local time
    partition: int  # where all of them stand

    def without(self, gone: Callable[[int], bool]) -> "Valid":
        """Those whose place is not `gone`."""
        left = [place for place in range(len(self.records)) if not gone(place)]

        def of(column: Sequence[T]) -> list[T]:
            return [column[place] for place in left]

        return Valid(of(self.records), of(self.reviews), of(self.occurred), of(self.received), self.partition)


#: What is the same for every review of a match: the ids and what the reference says of them, as JSON; and the ids as
#: given, with a staff_id and without.
Fragments = tuple[bytes, bytes, bytes]


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
        self._fragments: dict[Match, Fragments] = {}

    def process(self, chunk: Chunk, out: Outbox) -> None:
        """Every record of the chunk becomes an enriched review or a refusal."""
        for part in chunk.parts():
            valid = self.valid(part, out)
            self.enrich(valid, self.match(valid.reviews), out)

    def valid(self, chunk: Chunk, out: Outbox) -> Valid:
        """The chunk's usable records; the others are refused."""
        valid = self._in_local_time(chunk.partition, *self._validate(chunk, out))
        # Nearly every review is far from the future by its text already: only the others are looked at one by one.
        # Twelve hours, because when clocks are changed a later time may be written as an earlier one.
        oldest = min([record.timestamp for record in chunk.records])
        surely = self._local.write(None, instant(oldest) + FUTURE / 2)
        if max(valid.occurred, default="") > surely:
            valid = valid.without(
                lambda place: (
                    valid.occurred[place] > surely
                    and self._ahead(chunk, valid.records[place], valid.reviews[place], out)
                )
            )
        self._refusals.watch(chunk.topic, chunk.partition, len(chunk.records), len(chunk.records) - len(valid.records))
        return valid

    def _in_local_time(
        self, partition: int, records: Sequence[Record], documents: Sequence[dict[str, Any]], reviews: Sequence[Review]
    ) -> Valid:
        write = self._local.write
        occurred = [
            write(sent["occurred_at"], review["occurred_at"]) for sent, review in zip(documents, reviews, strict=True)
        ]
        received = [
            write(sent["received_at"], at) if (at := review.get("received_at")) else same
            for sent, review, same in zip(documents, reviews, occurred, strict=True)
        ]
        return Valid(records, reviews, occurred, received, partition)

    def _ahead(self, chunk: Chunk, record: Record, review: Review, out: Outbox) -> bool:
        """Refuse a review from the future."""
        if review["occurred_at"].timestamp() * 1000 <= record.timestamp + FUTURE_MS:
            return False
        self._refuse(
            out,
            chunk,
            record,
            Reason.FUTURE,
            f"occurred_at is {review['occurred_at'].isoformat()}, more than a day after the record's timestamp, "
            f"{instant(record.timestamp).isoformat()}: check the publisher's clock and time zone, and that it leaves "
            "timestamps of records to Kafka",
        )
        return True

    def _validate(self, chunk: Chunk, out: Outbox) -> tuple[list[Record], list[dict[str, Any]], list[Review]]:
        """Records that are reviews, the document each holds, the review. Together: half the cost of one by one."""
        documents: list[Any] = []
        records: list[Record] = []
        for record in chunk.records:
            value = record.value or b""
            if detail := too_large(record):
                self._refuse(out, chunk, record, Reason.TOO_LARGE, detail)
                continue
            try:
                documents.append(orjson.loads(value))
            except orjson.JSONDecodeError as exc:
                self._refuse(out, chunk, record, *unusable(record, exc))
                continue
            records.append(record)
        context = {"zone": self._zone}
        try:
            reviews = REVIEWS.validate_python(documents, context=context)
        except ValidationError as exc:
            errors: dict[int, list[ErrorDetails]] = defaultdict(list)
            for error in exc.errors(include_url=False, include_input=False):  # the input may be personal data
                errors[int(error["loc"][0])].append(error)
            for index, faults in errors.items():
                self._refuse(out, chunk, records[index], Reason.SCHEMA, told(faults, within=1))
            good = [index for index in range(len(documents)) if index not in errors]
            records = [records[index] for index in good]
            documents = [documents[index] for index in good]
            reviews = REVIEWS.validate_python(documents, context=context)
        return records, documents, reviews

    def match(self, reviews: Sequence[Review]) -> list[Match]:
        """What the reference says of each."""
        match = self._reference.match
        return [
            match(each.get("window_id"), each.get("staff_id"), each.get("service_id"), each["occurred_at"])
            for each in reviews
        ]

    def enrich(self, valid: Valid, matches: Sequence[Match], out: Outbox) -> list[Message]:
        """Produce the enriched records as JSON, each with the hash and the place of what was sent for a header.

        All copies of a review meet in one partition, whatever key its publisher used. Returned in the order of `valid`.

        JSON is put together from fragments: what follows from the reference, or from what was found in the text, is
        the same for many reviews and written once. Ids, channels and times need no escaping (schemas/fields.py).
        One loop and few calls, since every review of a district comes by here.
        """
        classify, known, enriched = self._lexicon.classify, self._fragments, out.messages[self._enriched]
        place = b"%d/" % valid.partition
        messages: list[Message] = []
        for record, review, occurred, received, match in zip(
            valid.records, valid.reviews, valid.occurred, valid.received, matches, strict=True
        ):
            review_id, rating = review["review_id"], review["rating"]
            own = (
                f'{{"review_id":"{review_id}","occurred_at":"{occurred}","received_at":"{received}",'
                f'"rating":{rating},"channel":"{review["channel"]}",'
            ).encode() + (_NO_EXTRAS if _EXTRAS.isdisjoint(review) else self._extras(review))
            matched, with_staff, without = known.get(match) or self._learn(match)
            # The staff_id as given, not as resolved: that may change.
            content = blake2b(
                own + (with_staff if review.get("staff_id") else without), digest_size=HASH_BYTES
            ).digest()
            tags, comment = review.get("tags"), review.get("comment")
            value = own + matched + _found(rating, classify(tags, comment) if tags or comment else ())
            key = review_id.encode()
            sent = content + place + b"%d" % record.offset
            if record.key != key:
                sent += _own_key(record.key)
            # Not the publisher's timestamp: by it Kafka would delete what is sent of long ago before it is read.
            message = (key, value, [(SENT_HEADER, sent)], None)
            enriched[partition_of(key, self._partitions)].append(message)
            messages.append(message)
        return messages

    def _extras(self, review: Review) -> bytes:
        """What most reviews do not have."""
        comment = review.get("comment")
        return _inside(
            orjson.dumps(
                {
                    "case_no": review.get("case_no"),
                    "comment": mask(comment) if comment else comment,
                    "tags": [mask(tag) for tag in review.get("tags") or ()],
                    "reviewer_key": self._reviewer_key(review.get("reviewer")),
                }
            )
        )

    def _learn(self, match: Match) -> Fragments:
        if len(self._fragments) >= MAX_MATCHES:
            self._fragments.clear()
        ids = f"{match.window_id}|{{}}|{match.service_id}"
        given, inferred = ids.format(match.staff_id).encode(), ids.format(None).encode()
        fragments = self._fragments[match] = _inside(orjson.dumps(match)), given, inferred
        return fragments

    def _refuse(self, out: Outbox, chunk: Chunk, record: Record, reason: Reason, detail: str) -> None:
        source = f"{chunk.topic}/{chunk.partition}/{record.offset}"
        self._refusals.refuse(out, reason, detail, source, record.key, record.value)


@lru_cache(maxsize=4096)  # most publishers have few: a window's id, say
def _own_key(key: bytes | None) -> bytes:
    """What is noted of a key that is not the review's id; one that may be personal data goes no further than here."""
    if key is None:
        return b"/"
    known = _ID.fullmatch(key) and mask(key.decode()).encode() == key
    return b"/=" + key if known else b""


def _inside(document: bytes) -> bytes:
    """A JSON object's members, with a comma behind them."""
    return document[1:-1] + b","


_ID = re.compile(ID_PATTERN.encode())
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
