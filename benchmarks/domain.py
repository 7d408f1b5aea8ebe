"""What the job asks of every program alike: validate, look up, classify, count. The frameworks are what differs.

One at a time or a batch at once, as the framework hands reviews over. The pipeline itself uses none of this: it has its
own (streams/agents/enrich.py), and the outputs are compared.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from pydantic import TypeAdapter

from streams.rules.categories import cause_of, load_lexicon
from streams.rules.enrichment import Reference
from streams.rules.masking import mask
from streams.schemas.reference import Service, Staff, Window
from streams.schemas.review import BAD_RATING, REVIEWS, Review

ZONE = ZoneInfo("Asia/Shanghai")
REVIEW: TypeAdapter[Review] = TypeAdapter(Review)
MODELS = {"reference.windows": Window, "reference.staff": Staff, "reference.services": Service}

#: A day, one of the seven dimensions and its member, as `day|dimension|member`.
Cell = str

#: Reviews by day and dimension, then by member.
Counts = defaultdict[tuple[str, str], Counter[str | None]]

#: Dimension but the district, which has one member: the field with its member.
DIMENSIONS = {
    "department": "department_id",
    "hall": "hall_id",
    "window": "window_id",
    "staff": "staff_id",
    "service": "service_id",
    "channel": "channel",
}
_MEMBERS = itemgetter(*DIMENSIONS.values())


def validate(value: bytes) -> Review:
    """One review."""
    return REVIEW.validate_json(value)


def validate_batch(values: Iterable[bytes]) -> list[Review]:
    """Many at once: half the cost a review."""
    return REVIEWS.validate_python([orjson.loads(value) for value in values])


class District:
    """The reference and the lexicon, read before the first review."""

    def __init__(self, reference: Path) -> None:
        self.reference = Reference()
        for line in reference.read_bytes().splitlines():
            topic, record = json.loads(line)
            self.reference.learn(MODELS[topic].model_validate(record))
        self.lexicon = load_lexicon()

    def enrich(self, review: Review) -> dict[str, Any]:
        """The record of `reviews.enriched`."""
        occurred_at, comment, tags = review["occurred_at"], review.get("comment"), review.get("tags") or []
        window_id, service_id = review.get("window_id"), review.get("service_id")
        match = self.reference.match(window_id, review.get("staff_id"), service_id, occurred_at)
        categories = self.lexicon.classify(tags, comment) if tags or comment else ()
        bad = review["rating"] <= BAD_RATING
        return {
            "review_id": review["review_id"],
            "occurred_at": occurred_at.astimezone(ZONE).isoformat(),
            "received_at": (review.get("received_at") or occurred_at).astimezone(ZONE).isoformat(),
            "rating": review["rating"],
            "channel": review["channel"],
            "window_id": window_id,
            "service_id": service_id,
            "case_no": review.get("case_no"),
            "comment": mask(comment) if comment else comment,
            "tags": tags,
            "reviewer_key": None,  # no key is set
            "staff_id": match.staff_id,
            "window_name": match.window_name,
            "hall_id": match.hall_id,
            "hall_name": match.hall_name,
            "department_id": match.department_id,
            "department_name": match.department_name,
            "staff_name": match.staff_name,
            "service_name": match.service_name,
            "matched": match.matched,
            "three_match": match.three_match,
            "bad": bad,
            "categories": categories,
            "cause": cause_of(categories),
            "hidden_negative": not bad and bool(categories),
        }


def no_counts() -> Counts:
    """Nothing counted yet."""
    return defaultdict(Counter)


def count_all(counts: Counts, enriched: Iterable[Mapping[str, Any]]) -> None:
    """Count a batch, day by day and dimension by dimension: Counter counts a column in C."""
    for day, reviews in groupby(enriched, lambda record: record["occurred_at"][:10]):
        for dimension, members in zip(DIMENSIONS, zip(*map(_MEMBERS, reviews), strict=True), strict=True):
            counts[day, dimension].update(members)


def count_one(counts: Counts, enriched: Mapping[str, Any]) -> None:
    """Count one review, where a framework hands them over one by one."""
    day = enriched["occurred_at"][:10]
    for dimension, field in DIMENSIONS.items():
        counts[day, dimension][enriched[field]] += 1


def cells(counts: Counts) -> dict[Cell, int]:
    """The cells counted, and the district's, which are those of its channels."""
    found = Counter[Cell]()
    for (day, dimension), members in counts.items():
        for member, count in members.items():
            found[f"{day}|{dimension}|{member or ''}"] += count
        if dimension == "channel":
            found[f"{day}|district|all"] += members.total()
    return dict(found)
