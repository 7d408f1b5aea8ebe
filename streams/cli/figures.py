"""The figures a district leader reads: at the end of the demo, and of any period by `haochaping report`."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from rich.console import Console
from rich.table import Table

from streams.rules.categories import TITLES

Row = dict[str, Any]

WIDTH = 110

#: What the figures are made of: their field, the view, its parameters.
SOURCES: dict[str, tuple[str, dict[str, str]]] = {
    "district": ("bi_daily", {"dimension": "district"}),
    "categories": ("bi_daily", {"dimension": "category"}),
    "cases": ("bi_cases", {}),
    "alerts": ("bi_alerts", {}),
    "recurrence": ("bi_recurrence", {}),
    "reconcile": ("bi_reconcile", {}),
}


@dataclass(frozen=True, slots=True)
class Figures:
    """Rows of the views in a period, as `/api/views` gives them."""

    district: list[Row]
    categories: list[Row]
    cases: list[Row]
    alerts: list[Row]
    recurrence: list[Row] | None  # known by month alone: none for a period that is not of whole months
    reconcile: list[Row]
    evidence: list[Row]  # cases that alerts may name, of any time

    def days(self) -> list[str]:
        """The local days on which there is anything, in order."""
        days = {row["day"] for row in self.district}
        days |= {case["opened_at"][:10] for case in self.cases}
        return sorted(days | {alert["raised_at"][:10] for alert in self.alerts})


def print_figures(console: Console, figures: Figures, title: str) -> None:
    """Print totals, what the bad reviews are about, and each alert that found somebody."""
    bad = sum(row["bad"] for row in figures.district)
    _print_totals(console, figures, title, bad)
    _print_categories(console, figures.categories, bad)
    _print_repeats(console, figures.alerts, figures.evidence)


def _print_totals(console: Console, figures: Figures, title: str, bad: int) -> None:
    total = sum(row["reviews"] for row in figures.district)
    matched = sum(row["three_match"] for row in figures.district)
    table = _table(title)
    table.show_header = False
    table.add_column()
    table.add_column(justify="right")
    table.add_row("评价总量 reviews", f"{total:,}")
    table.add_row("差评 bad reviews", f"{bad:,}")
    table.add_row("差评率 bad rate", _percent(bad, total, 3))
    table.add_row("三对应率 window, staff and service matched", _percent(matched, total))
    decided = [case for case in figures.cases if case["state"] != "dismissed"]
    table.add_row("立案 cases opened", f"{len(figures.cases):,}")
    table.add_row("核实不成立 of them dismissed", f"{len(figures.cases) - len(decided):,}")
    for name, field in (
        ("按期回访率 called back in time", "callback_on_time"),
        ("按期整改率 rectified in time", "rectify_on_time"),
    ):
        answers = [case[field] for case in decided if case[field] is not None]
        table.add_row(name, f"{_percent(sum(answers), len(answers))} ({sum(answers)} of {len(answers)})")
    table.add_row("复发率 same hall, same kind again", _recurrence(figures.recurrence))
    differing = sum(1 for row in figures.reconcile if row["difference"])
    table.add_row(
        "对账 facts against aggregates", "equal on every day" if not differing else f"{differing} days differ!"
    )
    console.print(table)


def _table(title: str) -> Table:
    """A table without lines: Chinese fonts draw them two characters wide, and they would not meet."""
    return Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 4, 0, 0))


def _recurrence(months: list[Row] | None) -> str:
    if months is None:
        return "只按整月统计 of whole months only"
    return _percent(sum(row["recurrences"] for row in months), sum(row["bad"] for row in months))


def _percent(part: int, whole: int, digits: int = 1) -> str:
    return f"{100 * part / whole:.{digits}f} %" if whole else "–"


def _print_categories(console: Console, categories: list[Row], bad: int) -> None:
    counts: Counter[str] = Counter()
    for row in categories:
        counts[row["member_id"]] += row["bad"]
    table = _table("\n差评说的是什么 · what the bad reviews are about")
    for heading in ("类别", "category"):
        table.add_column(heading)
    for heading in ("件数 reviews", "占差评 share"):
        table.add_column(heading, justify="right")
    for category, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        if count:
            table.add_row(TITLES[category], category, f"{count:,}", _percent(count, bad, 0))
    console.print(table)


def _print_repeats(console: Console, alerts: list[Row], evidence: list[Row]) -> None:
    """The prompt that popped up by itself: who, when, which reviews."""
    by_id = {case["case_id"]: case for case in evidence}
    # Plain text: square brackets in a title or comment are no markup.
    say = partial(console.print, markup=False, highlight=False)
    for alert in alerts:
        if alert["kind"] != "repeat_staff":
            continue
        say(f"\n预警 · alert, {alert['severity']}: {alert['title']}", style="bold")
        say(f"  {alert['title_en']}")
        resolution = f" ({alert['resolution']})" if alert["resolution"] else ""
        say(f"  raised {_minute(alert['raised_at'])}, {alert['state']}{resolution}")
        for case in (by_id[each] for each in alert["review_ids"] if each in by_id):
            about = case["comment"] or "/".join(case["categories"])
            say(f"  · {_minute(case['occurred_at'])}  {case['case_id']}  {about}")
    others = Counter(alert["kind"] for alert in alerts if alert["kind"] != "repeat_staff")
    if others:
        say("\n其他预警 other alerts: " + ", ".join(f"{kind} {count}" for kind, count in sorted(others.items())))


def _minute(instant: str) -> str:
    return f"{datetime.fromisoformat(instant):%Y-%m-%d %H:%M}"
