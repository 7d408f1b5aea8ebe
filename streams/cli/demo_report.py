"""What a district leader reads at the end of the demo."""

from datetime import datetime
from functools import partial
from typing import Any

from rich.console import Console
from rich.table import Table

from streams.rules.categories import TITLES


def print_report(figures: dict[str, Any]) -> None:
    """Print the year's figures, the alert that found the clerk, and how long it took."""
    console = Console(width=110)
    district = figures["daily"]["district"]
    total = sum(row["reviews"] for row in district)
    bad = sum(row["bad"] for row in district)
    matched = sum(row["three_match"] for row in district)
    cases = figures["views"]["bi_cases"]

    table = Table(title="政务服务“好差评” · the district's year", show_header=False, title_justify="left")
    table.add_column(justify="left")
    table.add_column(justify="right")
    table.add_row("评价总量 reviews", f"{total:,}")
    table.add_row("差评 bad reviews", f"{bad:,}")
    table.add_row("差评率 bad rate", f"{_share(bad, total):.3f} %")
    table.add_row("三对应率 window, staff and service matched", f"{_share(matched, total):.1f} %")
    decided = [case for case in cases if case["state"] != "dismissed"]
    for name, field in (
        ("按期回访率 called back within 1 day", "callback"),
        ("按期整改率 rectified within 5", "rectify"),
    ):
        answers = [case[f"{field}_on_time"] for case in decided if case[f"{field}_on_time"] is not None]
        table.add_row(name, f"{_share(sum(answers), len(answers)):.1f} %  ({sum(answers)} of {len(answers)})")
    recurrence = figures["views"]["bi_recurrence"]
    again, of = sum(row["recurrences"] for row in recurrence), sum(row["bad"] for row in recurrence)
    table.add_row("复发率 same hall, same kind again", f"{_share(again, of):.1f} %")
    differing = sum(1 for row in figures["views"]["bi_reconcile"] if row["difference"])
    table.add_row(
        "对账 facts against aggregates", "equal on every day" if not differing else f"{differing} days differ!"
    )
    console.print(table)

    _print_categories(console, cases, bad)
    _print_repeats(console, figures["views"]["bi_alerts"], cases)

    seconds = figures["processing"]
    console.print(
        f"\n{figures['published']:,} records published and processed in {seconds:.1f} s: "
        f"{total / seconds:,.0f} reviews/s"
    )


def _share(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0


def _print_categories(console: Console, cases: list[dict[str, Any]], bad: int) -> None:
    counts: dict[str, int] = {}
    for case in cases:
        for category in case["categories"]:
            counts[category] = counts.get(category, 0) + 1
    table = Table(title="\n差评说的是什么 · what the bad reviews are about", title_justify="left")
    for heading in ("类别", "category"):
        table.add_column(heading)
    for heading in ("件数 reviews", "占差评 share"):
        table.add_column(heading, justify="right")
    for category, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        table.add_row(TITLES[category], category, str(count), f"{_share(count, bad):.0f} %")
    console.print(table)


def _print_repeats(console: Console, alerts: list[dict[str, Any]], cases: list[dict[str, Any]]) -> None:
    """The prompt that popped up by itself: who, when, which reviews."""
    by_id = {case["case_id"]: case for case in cases}
    for alert in alerts:
        if alert["kind"] != "repeat_staff":
            continue
        # Plain text from here on: square brackets in a title or comment are no markup.
        say = partial(console.print, markup=False, highlight=False)
        say(f"\n预警 · alert, {alert['severity']}: {alert['title']}", style="bold")
        say(f"  {alert['title_en']}")
        raised = datetime.fromisoformat(alert["raised_at"])
        say(f"  raised {raised:%Y-%m-%d %H:%M}, {alert['state']} ({alert['resolution']})")
        for review_id in alert["review_ids"]:
            case = by_id[review_id]
            when = datetime.fromisoformat(case["occurred_at"])
            say(f"  · {when:%Y-%m-%d %H:%M}  {review_id}  {case['comment'] or '/'.join(case['categories'])}")
    others: dict[str, int] = {}
    for alert in alerts:
        if alert["kind"] != "repeat_staff":
            others[alert["kind"]] = others.get(alert["kind"], 0) + 1
    if others:
        console.print("\nother alerts: " + ", ".join(f"{kind} {count}" for kind, count in sorted(others.items())))
