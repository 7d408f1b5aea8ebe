"""The figures a district sends up: at the end of the demo, and of any period by `haochaping report`.

Chinese first, the English beside it. Whoever reads it was not there: no setting's name, no code of ours.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from streams.rules.categories import TITLES, TITLES_EN
from streams.schemas.review import CHANNELS

Row = dict[str, Any]

WIDTH = 110

#: Rows of a list: a page, not a register. What there is beyond them is counted.
MOST = 15

#: Characters of a comment.
LONGEST = 120

#: What the figures are made of: their field, the view, its parameters.
SOURCES: dict[str, tuple[str, dict[str, str]]] = {
    "district": ("bi_daily", {"dimension": "district"}),
    "categories": ("bi_daily", {"dimension": "category"}),
    "halls": ("bi_daily", {"dimension": "hall"}),
    "channels": ("bi_daily", {"dimension": "channel"}),
    "cases": ("bi_cases", {}),
    "alerts": ("bi_alerts", {}),
    "recurrence": ("bi_recurrence", {}),
    "reconcile": ("bi_reconcile", {}),
}

#: Reviews from a hall name a window; online nobody is to expect one. As on the board (figures.js).
_IN_HALLS = ("window", "kiosk", "qr")

#: The board's words (streams/web/static/words.js).
_KINDS = {
    "rectify_overdue": "整改逾期 rectification overdue",
    "callback_overdue": "回访逾期 callback overdue",
    "trend": "全区趋势 district trend",
    "repeat_category": "同类差评复发 same kind again",
}
_SEVERITIES = {"critical": "严重 critical", "warning": "警告 warning"}
_RESOLUTIONS = {
    "handled": "已办结 handled",
    "dismissed": "核实不成立 found untrue",
    "done_late": "逾期后完成 done late",
    "met_in_time": "实为按时 met in time",
    "extended": "已延期 extended",
    "week_over": "该周已结束 week over",
    "revised": "已修正 revised",
}
_FIRING = "未解除 standing"


@dataclass(frozen=True, slots=True)
class Figures:
    """Rows of the views in a period, as `/api/views` gives them."""

    district: list[Row]
    categories: list[Row]
    halls: list[Row]
    channels: list[Row]
    cases: list[Row]
    alerts: list[Row]
    recurrence: list[Row] | None  # known by month alone: none for a period that is not of whole months
    reconcile: list[Row]
    evidence: list[Row]  # cases of any time: alerts may name them, and what is overdue may be from before
    first: date | None = None  # the period's bounds; None: all there is
    last: date | None = None

    def days(self) -> list[str]:
        """The local days on which there is anything, in order."""
        days = {row["day"] for row in self.district}
        days |= {case["opened_at"][:10] for case in self.cases}
        return sorted(days | {alert["raised_at"][:10] for alert in self.alerts})

    def untrue(self) -> Iterator[Row]:
        """Cases of the bad reviews that occurred in the period and were dismissed."""
        for case in self.evidence:
            if case["state"] == "dismissed" and self._within(case["occurred_at"]):
                yield case

    def overdue(self) -> list[Row]:
        """Cases opened by the period's end of which a duty is overdue as they stand now, the longest so first."""
        late = [case for case in self.evidence if any(_late(case)) and not self._after(case["opened_at"])]
        return sorted(late, key=lambda case: min(filter(None, _late(case))))

    def _within(self, instant: str) -> bool:
        return not self._after(instant) and (self.first is None or instant[:10] >= str(self.first))

    def _after(self, instant: str) -> bool:
        return self.last is not None and instant[:10] > str(self.last)


def print_figures(console: Console, figures: Figures, title: str) -> None:
    """Print totals, what the bad reviews are about and where they were, what is overdue, and each alert of a person."""
    bad = sum(row["bad"] for row in figures.district)
    _print_totals(console, figures, title, bad)
    _print_categories(console, figures.categories, bad)
    _print_departments(console, figures.cases)
    _print_halls(console, figures)
    _print_overdue(console, figures.overdue())
    _print_repeats(console, figures.alerts, figures.evidence)
    _print_other_alerts(console, figures.alerts)
    _say(console, _NOTE)


def _print_totals(console: Console, figures: Figures, title: str, bad: int) -> None:
    total = sum(row["reviews"] for row in figures.district)
    table = _table(title, "", "")
    table.show_header = False
    _add(table, "评价总量 reviews", f"{total:,}")
    _add(table, "差评 bad reviews, as rated", f"{bad:,}")
    _add(table, "差评率 bad rate", _percent(bad, total, 3))
    in_halls = [row for row in figures.channels if row["member_id"] in _IN_HALLS]
    matched, of = (sum(row[field] for row in in_halls) for field in ("three_match", "reviews"))
    _add(table, "三对应率 all three matched", _percent(matched, of))
    standing = _standing(figures.cases)
    _add(table, "生成整改件 cases opened", f"{len(figures.cases):,}")
    _add(table, "核实不成立 found untrue", f"{len(figures.cases) - len(standing):,}")
    for name, field in (
        ("按期回访率 called back in time", "callback_on_time"),
        ("按期整改率 rectified in time", "rectify_on_time"),
    ):
        kept, of = _kept(standing, field)
        _add(table, name, f"{_percent(kept, of)} ({kept}/{of})")
    _add(table, "复发率 same kind again", _recurrence(figures.recurrence))
    differing = sum(1 for row in figures.reconcile if row["difference"])
    agreed = f"{differing} 天不一致 days differ!" if differing else "逐日一致 equal on every day"
    _add(table, "对账 facts against aggregates", agreed)
    console.print(table)


def _kept(cases: Iterable[Row], field: str) -> tuple[int, int]:
    """How many were in time, of how many of which that is decided."""
    answers = [case[field] for case in cases if case[field] is not None]
    return sum(answers), len(answers)


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
    table = _table("\n差评原因 · what the bad reviews are about", "类别 kind", "", "条数 reviews", "占差评 share")
    table.columns[1].justify = "left"
    for category, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        if count:
            _add(table, TITLES[category], TITLES_EN[category], f"{count:,}", _percent(count, bad, 0))
    _print_list(console, table)


def _print_departments(console: Console, cases: list[Row]) -> None:
    """Those with the most cases; the others in one row, so that the columns add up to the district."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for case in cases:
        groups[case["department_id"] or ""].append(case)
    ranked = sorted(groups.items(), key=lambda item: (-len(_standing(item[1])), item[0]))
    rows = [(_newest(group, "department") or "部门不明 unknown", group) for _, group in ranked[:MOST]]
    if others := [case for _, group in ranked[MOST:] for case in group]:
        rows.append((f"其余 {len(ranked) - MOST} 个部门 the others", others))
    headings = ("部门 department", "整改件 cases", "核实不成立 untrue", "按期回访 called back", "按期整改 rectified")
    table = _table("\n各部门整改件 · cases by department", *headings)
    for name, group in rows:
        true = _standing(group)
        duties = ["/".join(map(str, _kept(true, field))) for field in ("callback_on_time", "rectify_on_time")]
        _add(table, name, f"{len(group):,}", f"{len(group) - len(true):,}", *duties)
    _print_list(console, table)


def _standing(cases: Iterable[Row]) -> list[Row]:
    """Those not found untrue."""
    return [case for case in cases if case["state"] != "dismissed"]


def _newest(cases: Iterable[Row], what: str) -> str:
    """The name it had last, or else its id."""
    name = f"{what}_name"
    last = max(cases, key=lambda case: (case[name] is not None, str(case["opened_at"])))
    return str(last[name] or last[f"{what}_id"] or "")


def _print_halls(console: Console, figures: Figures) -> None:
    """Those with the most bad reviews that stand: one found untrue counts for nothing."""
    names: dict[str, str] = {}
    reviews: Counter[str] = Counter()
    bad: Counter[str] = Counter()
    for row in figures.halls:  # by day: the newest name stays
        hall = row["member_id"]
        names[hall] = row["member_name"] or names.get(hall) or hall or "线上等非大厅 no hall"
        reviews[hall] += row["reviews"]
        bad[hall] += row["bad"]
    untrue = Counter(case["hall_id"] or "" for case in figures.untrue())
    ranked = sorted((hall for hall in bad if bad[hall]), key=lambda hall: (untrue[hall] - bad[hall], hall))
    headings = ("大厅 hall", "差评 bad", "核实不成立 untrue", "评价 reviews", "差评率 bad rate")
    table = _table("\n差评最多的大厅 · halls with the most bad reviews", *headings)
    for hall in ranked[:MOST]:
        rate = _percent(bad[hall], reviews[hall], 3)
        _add(table, names[hall], f"{bad[hall]:,}", f"{untrue[hall]:,}", f"{reviews[hall]:,}", rate)
    _print_list(console, table, len(ranked), "个")


def _late(case: Row) -> tuple[str | None, str | None]:
    """Since when the callback, and since when the rectification, has been overdue."""
    waits = case["state"] not in ("closed", "dismissed")
    callback = case["callback_on_time"] is False and case["called_back_at"] is None and case["state"] != "dismissed"
    rectification = case["rectify_on_time"] is False and waits
    return case["callback_due"] if callback else None, case["rectify_due"] if rectification else None


def _print_overdue(console: Console, cases: list[Row]) -> None:
    headings = ("整改件 case", "单位 place", "回访逾期自 callback", "整改逾期自 rectification")
    table = _table("\n目前逾期未办 · overdue now, and since when", *headings)
    table.columns[1].justify = "left"
    for case in cases[:MOST]:
        since = [due[:10] if due else "–" for due in _late(case)]
        _add(table, case["case_id"], _place(case), *since)
    _print_list(console, table, len(cases), "件")


def _place(case: Row) -> str:
    """Who answers for it, and where it was."""
    named = [case[f"{what}_name"] or case[f"{what}_id"] for what in ("department", "hall")]
    return " ".join(filter(None, named)) or CHANNELS.get(case["channel"], case["channel"])


def _print_repeats(console: Console, alerts: list[Row], evidence: list[Row]) -> None:
    """The prompt that popped up by itself: who, when, which reviews. Nobody is named whose review was found untrue."""
    by_id = {case["case_id"]: case for case in evidence}
    repeats = [alert for alert in alerts if alert["kind"] == "repeat_staff"]
    standing = [alert for alert in repeats if _stands(alert, by_id)]
    _say(console, "\n同一人员再次被差评 · the same person again", style="bold")
    for alert in standing:
        severity = _SEVERITIES.get(alert["severity"], alert["severity"])
        _say(console, f"预警 · alert, {severity}: {alert['title']}", 2)
        _say(console, alert["title_en"], 4)
        _say(console, f"{_minute(alert['raised_at'])} 发出 raised, {_state(alert)}", 4)
        reviews = Table.grid(padding=(0, 2, 0, 0))
        for _ in ("when", "case", "what was said"):
            reviews.add_column(overflow="fold")  # and no word cut off
        for case in (by_id[each] for each in alert["review_ids"] if each in by_id):
            _add(reviews, _minute(case["occurred_at"]), case["case_id"], _said(case))
        console.print(Padding(reviews, (0, 0, 0, 4)))
    if untrue := len(repeats) - len(standing):
        _say(console, f"另有 {untrue} 条经核实不成立，不列姓名 {untrue} found untrue: nobody is named", 2)
    if not repeats:
        _say(console, _NONE, 2)


def _stands(alert: Row, by_id: dict[str, Row]) -> bool:
    """Whether its review and one before it still count; an alert ended as handled may be found untrue later."""
    case = by_id.get(alert["case_id"], {})
    dismissed = "dismissed" in (alert["resolution"], case.get("state"))
    return len(alert["review_ids"]) > 1 and not dismissed


def _state(alert: Row) -> str:
    if alert["state"] == "firing":
        return _FIRING
    return _RESOLUTIONS.get(alert["resolution"], str(alert["resolution"]))


def _said(case: Row) -> str:
    """The comment on one line, cut where it is long; without one, what was ticked."""
    comment = " ".join("".join(each if each.isprintable() else " " for each in case["comment"] or "").split())
    if len(comment) > LONGEST:
        return comment[:LONGEST] + "…"
    ticked = "、".join(TITLES.get(each, each) for each in case["categories"])
    return comment or (f"〔{ticked}〕" if ticked else "未留言 no comment")


def _print_other_alerts(console: Console, alerts: list[Row]) -> None:
    """How many of each kind, and what became of them; without reminders, which are for whoever handles the case."""
    groups: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for alert in alerts:
        if alert["kind"] != "repeat_staff" and alert["severity"] != "info":
            groups[alert["kind"], alert["category"] or ""][_state(alert)] += 1
    order = {kind: place for place, kind in enumerate(_KINDS)}
    table = _table("\n其他预警 · other alerts", "种类 kind", "条数 alerts", "现状 as they stand")
    table.columns[2].justify = "left"
    for kind, category in sorted(groups, key=lambda group: (order.get(group[0], len(order)), group)):
        states = groups[kind, category]
        name = _KINDS.get(kind, kind) + (f": {TITLES.get(category, category)}" if category else "")
        ranked = sorted(states.items(), key=lambda item: (item[0] != _FIRING, -item[1], item[0]))
        _add(table, name, f"{states.total():,}", ", ".join(f"{state} {n}" for state, n in ranked))
    _print_list(console, table)


# How it is set ----------------------------------------------------------------------------------------------

_NONE = "无 none"
_NOTE = """
注 notes
1. 差评、差评率按评价时间统计，含后经核实不成立的。
   Bad reviews and their rate are of what was rated in the period, found untrue later or not.
2. 整改件按生成时间统计，为目前状态；按期率、“2/3”不计核实不成立的，也不计尚未到期且未办完的。
   Cases are those opened in it, as they stand now; “2/3” and rates leave out those found untrue or undecided.
3. 三对应率按厅内渠道（窗口、自助终端、扫码）的评价统计：线上评价没有窗口。
   Matched is of reviews from halls (window, kiosk, QR code): online ones have no window.
4. 一条差评可有几种原因，各原因占比相加可以超过 100 %。
   A bad review may be about several things, so shares may add up to more than 100 %.
"""


def _table(title: str, *headings: str) -> Table:
    """A table without lines: Chinese fonts draw them two characters wide, and they would not meet. The first column
    is of words, the others of numbers."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 3, 0, 0))
    for heading in headings:
        chinese, _, english = heading.partition(" ")
        name = Text(f"{chinese}\n{english}")
        table.add_column(name, justify="right" if table.columns else "left", overflow="fold")
    return table


#: What would command a terminal (ESC), or set the rest of a line from right to left; a line's end is ours.
_CONTROLS = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)])
del _CONTROLS[ord("\n")]


def _plain(text: str, style: str = "") -> Text:
    """What a publisher wrote is no markup and no command: square brackets stay, controls go."""
    return Text(text.translate(_CONTROLS), style=style)


def _add(table: Table, *cells: str) -> None:
    """A row of plain text, each cell one line."""
    table.add_row(*(_plain(cell.replace("\n", " ")) for cell in cells))


def _print_list(console: Console, table: Table, of: int = 0, measure: str = "") -> None:
    """A list with what it leaves out, counted in its `measure` word, or that there is nothing in it."""
    if not table.row_count:
        console.print(Text(str(table.title), style="bold"))
        _say(console, _NONE, 2)
        return
    console.print(table)
    if of > table.row_count:
        shown = table.row_count
        _say(console, f"共 {of:,} {measure}，此处列出前 {shown} {measure} the first {shown} of {of:,}", 2)


def _say(console: Console, text: str, indent: int = 0, style: str = "") -> None:
    console.print(Padding(_plain(text, style), (0, 0, 0, indent), expand=False))


def _minute(instant: str) -> str:
    return f"{datetime.fromisoformat(instant):%Y-%m-%d %H:%M}"
