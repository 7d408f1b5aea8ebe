"""When people come: working days and office hours at the windows, all hours online."""

from datetime import date, timedelta
from itertools import accumulate
from random import Random

#: Working days are full, Mondays fuller; on Saturdays a few halls are open, on Sundays only the web is.
_WEEKDAYS = (1.25, 1.1, 1.0, 1.0, 1.05, 0.12, 0.05)

#: Half hours of the day: peaks before ten and at two, a dip at noon.
_OFFICE = [0.0] * 17 + [3, 8, 10, 9, 7, 6, 3, 1.5, 1.5, 2, 6, 7, 6, 5, 4, 2, 0.5] + [0.0] * 14
_ONLINE = (
    [0.2] * 12 + [0.5, 1, 2, 3, 4, 4, 4, 4, 4, 4, 3, 3, 3, 3, 4, 4, 4, 4, 3, 3, 2, 2, 2, 3, 4, 4, 4, 3, 2, 2] + [1] * 6
)

OFFICE_HOURS, ONLINE_HOURS = list(accumulate(_OFFICE)), list(accumulate(_ONLINE))


def days(start: date, end: date) -> list[date]:
    """Every day from start to end, both included."""
    return [start + timedelta(days=number) for number in range((end - start).days + 1)]


def share_out(total: int, calendar: list[date], chance: Random) -> list[int]:
    """How many of `total` reviews fall on each day: exactly `total` in all."""
    weights = [_WEEKDAYS[day.weekday()] * chance.uniform(0.85, 1.15) for day in calendar]
    scale = total / sum(weights)
    edges = [round(edge * scale) for edge in accumulate(weights)]
    edges[-1] = total  # whatever rounding did
    return [edge - before for edge, before in zip(edges, [0, *edges], strict=False)]


def half_hours(count: int, hours: list[float], chance: Random) -> list[int]:
    """`count` half hours of a day (0-47) in which people rate."""
    return chance.choices(range(48), cum_weights=hours, k=count)
