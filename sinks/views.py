"""Reading the views for `/api/views/{view}`. Source: CONTRACT §7."""

import codecs
import csv
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import date, datetime
from types import SimpleNamespace
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import orjson

from sinks.base import Sink
from streams.schemas.fields import FIRST_YEAR, LAST_YEAR

DEFAULT_LIMIT = 1000

#: More than any view has.
ALL = 999_999_999

DIMENSIONS = ("district", "department", "hall", "window", "staff", "service", "channel", "category")


class ViewRequestError(ValueError):
    """The request cannot be answered; the message says what would be right."""


class View(NamedTuple):
    """How a view is read."""

    day: str  # the expression its days are filtered by
    order: str
    members: Mapping[str, str] = {}  # by dimension, what is true of a member's rows; `{}` is its id
    flags: frozenset[str] = frozenset()  # 0 and 1 that are booleans


class Found(NamedTuple):
    """Rows of a view or some of them, ready for JSON, and its columns' names, known when there are no rows, too."""

    names: list[str]
    rows: list[dict[str, Any]]
    more: bool  # there are more rows than were asked for


_HALL = {"hall": "ifNull(hall_id, '') = {}"}
_DEPARTMENT = {"department": "ifNull(department_id, '') = {}"}
_OTHERS = {each: f"ifNull({each}_id, '') = {{}}" for each in ("window", "staff", "service")}
_CHANNEL = {"channel": "channel = {}"}
_CATEGORY, _CATEGORIES = {"category": "ifNull(category, '') = {}"}, {"category": "has(categories, {})"}

VIEWS = {
    "bi_reviews": View(
        "day",
        "day DESC, occurred_at DESC, review_id",
        _DEPARTMENT | _HALL | _OTHERS | _CHANNEL | _CATEGORIES,
        frozenset(["matched_window", "matched_staff", "matched_service", "three_match", "bad", "hidden_negative"]),
    ),
    "bi_daily": View("day", "day, dimension, member_id"),
    "bi_cases": View(
        "toDate(opened_at)",
        "opened_at DESC, case_id",
        _DEPARTMENT | _HALL | _OTHERS | _CHANNEL | _CATEGORIES,
        frozenset(["callback_on_time", "rectify_on_time", "relapsed"]),
    ),
    "bi_alerts": View(
        "toDate(raised_at)",
        "raised_at DESC, alert_id",
        _DEPARTMENT | _HALL | _OTHERS | _CATEGORY,
        frozenset(["same_service", "same_hall"]),
    ),
    "bi_timeliness": View("month", "month, department_id", _DEPARTMENT),
    "bi_recurrence": View("month", "month, hall_id, category", _HALL | _CATEGORY),
    "bi_reconcile": View("day", "day"),
    "bi_category_trend": View("week", "week, category", _CATEGORY),
}


def read_view(sink: Sink, view: str, **parameters: Any) -> Found:
    """Rows of a view at once: read_blocks() says what may be asked and what is raised."""
    blocks = list(read_blocks(sink, view, **parameters))
    return Found(blocks[0].names, [row for block in blocks for row in block.rows], blocks[-1].more)


def read_blocks(
    sink: Sink,
    view: str,
    *,
    zone: ZoneInfo,
    day_from: str | None = None,
    day_to: str | None = None,
    dimension: str | None = None,
    member_id: str | None = None,
    limit: str | int = DEFAULT_LIMIT,
    most: int = ALL,
) -> Generator[Found, None, None]:
    """Rows of a view, block by block, ready for JSON: days `YYYY-MM-DD`, instants RFC 3339 in `zone`, flags booleans.

    Args:
        sink: Where the view is.
        view: One of VIEWS.
        zone: The district's time zone.
        day_from: First local day, `YYYY-MM-DD`, included; of a month or week, its first day counts.
        day_to: Last local day, included.
        dimension: In bi_daily any of DIMENSIONS; elsewhere one whose ids the view has, together with `member_id`.
        member_id: Only rows of this member.
        limit: At most so many rows.
        most: No more than these, whatever `limit` says.

    Raises:
        ViewRequestError: a name or value is not one of these.
        HaochapingError: the sink cannot answer.
    """
    spec = VIEWS.get(view)
    if spec is None:
        raise ViewRequestError(f"there is no view {view!r}: choose one of {', '.join(VIEWS)}")
    where = [
        f"{spec.day} {comparison} toDate('{_day(name, value)}')"
        for name, comparison, value in (("day_from", ">=", day_from), ("day_to", "<=", day_to))
        if value is not None
    ]
    where += _member(view, spec, dimension, member_id)
    sql = f"SELECT * FROM {view}"
    if where:
        sql += f" WHERE {' AND '.join(where)}"
    left = min(_limit(limit), most)
    with closing(sink.blocks(f"{sql} ORDER BY {spec.order} LIMIT {left + 1}")) as blocks:
        for block in blocks:
            rows = [_row(view, spec, block.names, row, zone) for row in block.rows[:left]]
            yield Found(block.names, rows, len(block.rows) > left)
            left -= len(rows)


#: Days beyond these are none to ClickHouse, and no review is from there.
_FIRST_DAY, _LAST_DAY = date(FIRST_YEAR, 1, 1), date(LAST_YEAR, 12, 31)


def _day(name: str, value: str) -> date:
    try:
        if value[4:8:3] == "--" and len(value) == 10:  # not 2026-W01-1, which fromisoformat() takes as well
            return min(max(date.fromisoformat(value), _FIRST_DAY), _LAST_DAY)
    except ValueError:
        pass
    raise ViewRequestError(f"{name} is a day such as 2026-05-12, not {value!r}")


def _limit(value: str | int) -> int:
    text = str(value)
    digits = text.lstrip("0") if text.isascii() and text.isdigit() else ""
    if not digits:
        raise ViewRequestError(f"limit is a whole number from 1, not {value!r}")
    return int(digits) if len(digits) < 10 else ALL


def _member(view: str, spec: View, dimension: str | None, member_id: str | None) -> list[str]:
    if dimension is not None and dimension not in DIMENSIONS:
        raise ViewRequestError(f"dimension is one of {', '.join(DIMENSIONS)}, not {dimension!r}")
    if view == "bi_daily":
        columns = {"dimension": dimension, "member_id": member_id}
        return [f"{name} = {_quoted(value)}" for name, value in columns.items() if value is not None]
    if dimension is None and member_id is None:
        return []
    condition = spec.members.get(dimension or "")
    if member_id is None or condition is None:
        have = ", ".join(sorted(spec.members)) or "none"
        raise ViewRequestError(f"{view} takes dimension and member_id together, of the dimensions: {have}")
    return [condition.format(_quoted(member_id))]


def _quoted(text: str) -> str:
    """A string literal."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\0", "\\0")
    return f"'{escaped}'"


def _row(view: str, spec: View, names: Sequence[str], values: Sequence[Any], zone: ZoneInfo) -> dict[str, Any]:
    row = {name: _plain(value, zone) for name, value in zip(names, values, strict=True)}
    for name in spec.flags:
        if row[name] is not None:
            row[name] = bool(row[name])
    if view == "bi_reviews":
        row["matched"] = {entity: row[f"matched_{entity}"] for entity in ("window", "staff", "service")}
    return row


def _plain(value: Any, zone: ZoneInfo) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value != value:  # NaN is no JSON
        return None
    return value


def to_json(blocks: Iterable[Found]) -> Iterator[bytes]:
    """A JSON array of row objects."""
    before = b"["
    for found in blocks:
        if found.rows:
            yield before + orjson.dumps(found.rows)[1:-1]
            before = b","
    yield b"[]" if before == b"[" else b"]"


def to_csv(blocks: Iterable[Found]) -> Iterator[bytes]:
    """CSV with a header, in UTF-8: values as in the JSON form, lists joined by `|`, nothing for null."""
    return _csv(blocks, str)


def to_excel_csv(blocks: Iterable[Found]) -> Iterator[bytes]:
    """The same for Excel opened by a double click: a byte order mark, without which it shows Chinese as garbage, and a
    `'` before what it would run as a formula, for anybody may write a comment."""
    yield codecs.BOM_UTF8
    yield from _csv(blocks, lambda text: f"'{text}" if _FORMULA.match(text) else text)


#: -1 and @A.B:C are ids; a formula that does anything has more than an id may have. An Excel for Chinese takes the
#: full-width signs for the others.
_FORMULA = re.compile(r"[=+\-@\t\r\n＝＋－＠](?![A-Za-z0-9_.:\-]*$)")


def _csv(blocks: Iterable[Found], shown: Callable[[str], str]) -> Iterator[bytes]:
    for number, found in enumerate(blocks):
        lines: list[str] = []
        # Lines end in \n here, but a writer told so leaves a lone \r in a comment unquoted, which is an end to readers.
        writer = csv.writer(SimpleNamespace(write=lines.append), lineterminator="\r\n")
        if number == 0:
            writer.writerow(found.names)
        for row in found.rows:
            writer.writerow([_cell(row[name], shown) for name in found.names])
        yield "".join(line.removesuffix("\r\n") + "\n" for line in lines).encode()


def _cell(value: Any, shown: Callable[[str], str]) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        value = "|".join(value)
    return shown(value) if isinstance(value, str) else value
