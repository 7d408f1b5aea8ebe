"""The stories the district's year must tell, word for word and on their dates. Source: DOMAIN."""

from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from streams.district.plan import Plan

ZONE = ZoneInfo("Asia/Shanghai")

#: Mr Wang's clerk stands at this window (number from 0, in the hall 枫泾镇); both reviews are about this service of its.
CLERK_WINDOW, CLERK_SERVICE = 3, 0


class Told(NamedTuple):
    """A bad review of a story."""

    review_id: str
    occurred_at: datetime
    window: int  # number, from 0
    service: int  # number among the window's services
    channel: str
    rating: int
    tags: tuple[str, ...]
    comment: str | None
    measure: str


def _at(month: int, day: int, hour: int, minute: int) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=ZONE)


_MORE_HANDS = "增设指引标识和叫号显示屏，设置弹性窗口"

STORIES = (
    # Mr Wang, in May; a month later another person; then the clerk is moved, and nothing new since.
    Told(
        "R-20260512-WANG", _at(5, 12, 10, 20), CLERK_WINDOW, CLERK_SERVICE, "window", 1, ("态度差",), None,
        "约谈窗口人员，向办事人致歉",
    ),
    Told(
        "R-20260611-FOLLOWUP", _at(6, 11, 14, 35), CLERK_WINDOW, CLERK_SERVICE, "qr", 1, (),
        "服务态度极差,说话都是冲来冲去的", "部门约谈，调离窗口岗位",
    ),
    # Ms Xi waited over an hour; halls in 金山卫镇 and 朱泾镇 had the same that week: together a trend, then measures.
    Told(
        "R-20260624-XI", _at(6, 24, 11, 5), 14, 2, "qr", 2, ("效率差", "体验差", "人员不足"),
        "效率差,从进门排队到办理业务等候超一小时,体验很差,办理窗口仅两个,人员不足", _MORE_HANDS,
    ),
    Told("R-20260622-WAIT1", _at(6, 22, 10, 15), 15, 1, "qr", 2, ("效率差", "排队时间长"), "排队等了一个多小时", _MORE_HANDS),
    Told("R-20260623-WAIT2", _at(6, 23, 9, 50), 16, 1, "window", 2, ("效率差",), "办理速度太慢了,排队时间太长", _MORE_HANDS),
    Told("R-20260625-WAIT3", _at(6, 25, 10, 40), 29, 3, "qr", 2, ("效率差", "叫号不合理"), "排队太久,叫号也不合理", _MORE_HANDS),
    Told("R-20260626-WAIT4", _at(6, 26, 13, 30), 30, 3, "window", 2, ("效率差",), "排队时间太长", _MORE_HANDS),
    Told("R-20260318-WAIT5", _at(3, 18, 9, 30), 58, 0, "window", 2, ("排队时间长",), None, _MORE_HANDS),
    Told("R-20260520-WAIT6", _at(5, 20, 15, 10), 43, 0, "qr", 2, ("效率差",), None, _MORE_HANDS),
)  # fmt: skip


def told(plan: Plan) -> tuple[Told, ...]:
    """The stories that fit into the plan: those whose windows are there and whose days it covers."""
    if not plan.stories:
        return ()
    fitting = tuple(
        each for each in STORIES if each.window < plan.windows and plan.start <= each.occurred_at.date() <= plan.end
    )
    return fitting[: plan.bad]
