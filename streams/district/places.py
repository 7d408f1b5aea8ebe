"""Departments, halls, windows, staff and services of the district (DOMAIN: 27 departments, 322 windows)."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from streams.district.plan import Plan

_DEPARTMENTS = (
    "区人力资源和社会保障局", "区医疗保障局", "区民政局", "公安分局", "区市场监督管理局", "区税务局", "区规划和自然资源局",
    "区住房保障和房屋管理局", "区卫生健康委员会", "区教育局", "区建设和管理委员会", "区交通委员会", "区生态环境局", "区农业农村委员会",
    "区水务局", "区绿化和市容管理局", "区文化和旅游局", "区退役军人事务局", "区应急管理局", "区司法局", "区残疾人联合会",
    "区公积金管理部", "区发展和改革委员会", "区经济委员会", "区科学技术委员会", "区城市管理行政执法局", "区消防救援支队",
)  # fmt: skip

_HALLS = (
    "石化街道社区事务受理服务中心", "金山卫镇社区事务受理服务中心", "朱泾镇社区事务受理服务中心", "枫泾镇社区事务受理服务中心",
    "亭林镇社区事务受理服务中心", "张堰镇社区事务受理服务中心", "廊下镇社区事务受理服务中心", "吕巷镇社区事务受理服务中心",
    "漕泾镇社区事务受理服务中心", "山阳镇社区事务受理服务中心", "金山工业区社区事务受理服务中心", "区行政服务中心",
    "区不动产登记中心", "区人才服务中心",
)  # fmt: skip

_MATTERS = (
    "登记", "变更", "注销", "证明开具", "补贴申领", "资格认定", "年度申报", "信息查询",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """A window as a review sees it."""

    window_id: str
    staff_id: str
    services: tuple[str, ...]
    hall_id: str
    hall_name: str


def hall_id(number: int) -> str:
    """The id of the hall with this number, from 0."""
    return f"H{number + 1:02d}"


@lru_cache(maxsize=4)
def places(plan: Plan) -> tuple[Place, ...]:
    """Every window; windows stand in halls, and in departments, by turns."""
    return tuple(
        Place(
            window_id=f"W{number + 1:04d}",
            staff_id=f"S{number + 1:04d}",
            services=tuple(_service_id(number % plan.departments, matter) for matter in range(len(_MATTERS))),
            hall_id=hall_id(number % plan.halls),
            hall_name=_HALLS[number % plan.halls],
        )
        for number in range(plan.windows)
    )


def references(plan: Plan) -> Iterator[tuple[str, dict[str, Any]]]:
    """(topic, record) of all reference data."""
    for number, place in enumerate(places(plan)):
        department = number % plan.departments
        yield (
            "reference.windows",
            {
                "window_id": place.window_id,
                "name": f"{number // plan.halls + 1}号窗口",
                "hall_id": place.hall_id,
                "hall_name": place.hall_name,
                **_department(department),
                "staff_id": place.staff_id,
            },
        )
        staff = {"staff_id": place.staff_id, "name": f"窗口人员{number + 1:04d}", **_department(department)}
        yield "reference.staff", staff
    for department in range(plan.departments):
        for matter, name in enumerate(_MATTERS):
            yield (
                "reference.services",
                {
                    "service_id": _service_id(department, matter),
                    "name": f"{_DEPARTMENTS[department].removeprefix('区')}{name}",
                    **_department(department),
                },
            )


def _department(number: int) -> dict[str, str]:
    return {"department_id": f"D{number + 1:02d}", "department_name": _DEPARTMENTS[number]}


def _service_id(department: int, matter: int) -> str:
    return f"V{department + 1:02d}{matter + 1:02d}"
