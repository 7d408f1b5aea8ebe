"""haochaping report"""

import re
from calendar import monthrange
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from sinks import open_sink
from sinks.base import Sink, SinkInUse
from sinks.schema import check_schema
from sinks.views import ALL, read_view
from streams.cli.common import load_settings
from streams.cli.figures import SOURCES, WIDTH, Figures, print_figures
from streams.errors import HaochapingError
from streams.settings import Settings

# Fonts in which a Chinese character is exactly two Latin ones wide: the tables stay straight. A phone scrolls what is
# wider than it by itself; on paper WIDTH characters are as wide as an A4 page.
_PAGE = """\
<!DOCTYPE html>
<html lang="zh-CN">
<head>
<meta charset="UTF-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
{stylesheet}
body {{ margin: 1.5em; color: {foreground}; background-color: {background}; }}
pre {{
  margin: 0; overflow-x: auto; font-size: 14px; line-height: 1.5;
  font-family: "Sarasa Mono SC", "Noto Sans Mono CJK SC", NSimSun, SimSun, Menlo, monospace;
}}
@media (max-width: 50em) {{
  body {{ margin: 0.75em; }}
  pre {{ font-size: 12px; }}
}}
@media print {{
  @page {{ size: A4; margin: 12mm; }}
  body {{ margin: 0; }}
  pre {{ font-size: 9pt; line-height: 1.35; }}
  .part {{ display: block; break-inside: avoid; }}
}}
</style>
</head>
<body>
<pre><code style="font-family: inherit">{code}</code></pre>
</body>
</html>
"""


def _day(name: str, help: str) -> Any:
    return typer.Option(name, formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help=help)


def report(
    first: Annotated[datetime | None, _day("--from", "First local day, included; default: the first there is.")] = None,
    last: Annotated[datetime | None, _day("--to", "Last local day, included; default: the last there is.")] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the same as one HTML file too, to be sent.")
    ] = None,
) -> None:
    """Print the district's figures of a period, from the views in ClickHouse.

    A day is the district's own. Reviews and their categories are those that occurred in the period (bi_daily), cases
    those opened in it, as they stand now, alerts those raised in it; overdue are all cases opened by its end of which
    a duty is. Recurrence is counted by month: it is told of periods of whole months.

    Example: haochaping report --from 2026-05-01 --to 2026-05-31 --html may.html
    """
    day_from, day_to = (moment.date() if moment else None for moment in (first, last))
    if day_from and day_to and day_from > day_to:
        raise HaochapingError(f"--from {day_from} is after --to {day_to}")
    settings = load_settings()
    figures = _figures(settings, day_from, day_to)
    days = figures.days()
    if not days:
        raise HaochapingError(f"there is nothing {_period(day_from, day_to)}: no review, no case, no alert")
    title = f"政务服务“好差评” · {day_from or days[0]} – {day_to or days[-1]}"
    console = Console(width=WIDTH, record=True)
    print_figures(console, figures, title)
    console.print(f"制表 made {datetime.now(settings.zone):%Y-%m-%d %H:%M}", highlight=False)
    if html:
        page = _in_parts(console.export_html(code_format=_PAGE.replace("$title", title)))
        try:
            html.write_text(page, "utf-8")
        except OSError as exc:
            raise HaochapingError(f"cannot write {html}: {exc.strerror}") from exc


def _in_parts(page: str) -> str:
    """Each table from its empty line on as one part, which paper does not tear where a page holds it whole."""
    head, code, rest = re.split(r"(?<=<code style=\"font-family: inherit\">)|(?=</code></pre>)", page)
    parts = re.split(r"^(?=(?:<[^>]*>| )*$)", code, flags=re.MULTILINE)
    return head + "".join(f'<span class="part">{part}</span>' for part in parts if part) + rest


def _figures(settings: Settings, day_from: date | None, day_to: date | None) -> Figures:
    try:
        sink = open_sink(settings.sink_url)
    except SinkInUse as exc:
        raise HaochapingError(
            f"the embedded ClickHouse ({settings.sink_url}) is open in a running worker: stop that, or ask its "
            "/api/views, such as /api/views/bi_daily?dimension=district&format=csv"
        ) from exc
    try:
        check_schema(sink)
        return _read(sink, settings, day_from, day_to)
    finally:
        sink.close()


def _read(sink: Sink, settings: Settings, day_from: date | None, day_to: date | None) -> Figures:
    period = {name: str(day) for name, day in (("day_from", day_from), ("day_to", day_to)) if day}
    rows: dict[str, Any] = {
        field: read_view(sink, view, zone=settings.zone, limit=ALL, **parameters, **period).rows
        for field, (view, parameters) in SOURCES.items()
    }
    if not _whole_months(day_from, day_to):
        rows["recurrence"] = None
    # What an alert of the period names may have happened long before.
    evidence = read_view(sink, "bi_cases", zone=settings.zone, limit=ALL).rows if period else rows["cases"]
    return Figures(evidence=evidence, first=day_from, last=day_to, **rows)


def _whole_months(day_from: date | None, day_to: date | None) -> bool:
    starts = day_from is None or day_from.day == 1
    ends = day_to is None or day_to.day == monthrange(day_to.year, day_to.month)[1]
    return starts and ends


def _period(day_from: date | None, day_to: date | None) -> str:
    parts = [f"{word} {day}" for word, day in (("from", day_from), ("to", day_to)) if day]
    return " ".join(parts) or "yet"
