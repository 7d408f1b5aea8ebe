"""How long somebody says it took: 等了一个多小时, 半个月, 五分钟就办好了. Source: DOMAIN, story 1 (Ms Xi's hour).

`DURATION` finds such an expression, `length()` says whether it is a long wait. The words around the time belong to
the expression where they turn its sense: 不到一小时, 两小时内 and 三天就拿到 praise, whatever the number.
"""

import re
from typing import Literal

Length = Literal["@short", "@long", "@days"]

_DIGITS: dict[str, float] = {
    "零": 0,
    "一": 1,
    "二": 2,
    "两": 2,
    "俩": 2,
    "三": 3,
    "四": 4,
    "五": 5,
    "六": 6,
    "七": 7,
    "八": 8,
    "九": 9,
}
_DIGITS |= {"仨": 3, "几": 3, "数": 3, "多": 3, "半": 0.5}
_TENS = {"十": 10, "百": 100}

#: Signs of a number. A text of nothing but such signs would else be read from each of them to its end.
_LONGEST = 12
_NUMBER = rf"(?:[0-9]+(?:\.[0-9]+)?|个把|[零一二两俩三仨四五六七八九十百几数半]{{1,{_LONGEST}}})"
_MINUTES = {
    "秒": 1 / 60,
    "分": 1,
    "m": 1,
    "刻": 15,
    "小时": 60,
    "钟头": 60,
    "h": 60,
    "天": 24 * 60,
    "日": 24 * 60,
    "工作日": 24 * 60,
    "周": 7 * 24 * 60,
    "星期": 7 * 24 * 60,
    "礼拜": 7 * 24 * 60,
    "月": 30 * 24 * 60,
    "年": 365 * 24 * 60,
}
_YEARS = r"年(?!的(?!时间)|前|级|龄|纪)"  # not a wait: 办了三十年的事, 三年前
_UNIT = rf"(?:秒钟?|分钟?|mins?|刻钟|小时|钟头|hours?|h|工作日|天|日(?![期常程])|周|星期|礼拜|月|{_YEARS})"
_COUNTED = rf"好?{_NUMBER}\s*[多几来]?个?半?[多几来]?个?\s*{_UNIT}半?"
# Half a day lost is a long wait whatever the clock says.
_HALF_DAY = r"(?:[一整大小]个?)?(?:上午|下午|早上|早晨|晌午|白天)|[一大老小]?半天|一?整天|全天"
_HALF_DAY = rf"(?:整整)?(?:{_HALF_DAY})"
_MOMENT = r"一小?会儿?(?![说要让叫这那一又去到在上跑])|片刻|几秒"

_LESS = (
    r"(?:不到|不足|不超过|没超过|未超过|没到|没用|只用|仅用|用不了|要不了|少于|只花|仅花|才花|才用|只等|才等|仅需|只需"
    r"|只要|最多)了?"
)
_ABOUT = r"(?:将近|近|快|差不多|大概|约|大约|超过?|整整|足足|至少|起码|了)?"
_QUICKLY = (
    r"(?:以?内|之内|左右)?(?:的?(?:时间|功夫|工夫))?(?:[就便](?=[办搞弄解处拿好完全能可出下轮叫到审批做结收给帮寄送通回取过领有接退发])"
    r"(?!办了?[一二三四五六七八九十几两0-9])|(?:全部?|都)(?=办[完好结妥成]|搞定|弄[好完]|拿到))"
)
_DONE = r"(?:搞定|办[完好结妥]|拿[到证]|出证|领证)"  # 半小时搞定; but not 等了半小时办完

#: A day and no duration: 2026年, 6月3日, and the 3日 of it.
_DATE = (
    r"(?:[0-9]{4}|[零〇一二三四五六七八九]{4})年|(?:1?[0-9]|十?[一二三四五六七八九]|十)月(?:份|底|初|[0-9一二三四五六七八九十]{1,3}[日号])"
    r"|(?<=[月年])[0-9一二三四五六七八九十]{1,3}[日月]"
)

# How one can begin. Looking for that first only saves time: 一直 and 不好 are common.
_NUMERALS = "0-9零一二两俩三仨四五六七八九十百几数半"
_BEGINS = (
    rf"(?=[{_NUMERALS}][{_NUMERALS}\s.多来个秒分m刻小钟h工天日周星礼月年整上下早晌白会]|好[{_NUMERALS}个]|个把"
    r"|整[整个天上下早晌白大小一老半全]|[大小][个上下早晌白半]|老半|全天|片刻"
    r"|[不没未][到足超用]|[用要]不|少于|[只仅才][用花等需要]|最多)"
)

#: An expression of time; matching is longest first at one place.
DURATION = (
    rf"(?<![0-9零〇一二三四五六七八九十]){_BEGINS}(?!一[天年]比|{_DATE})"
    rf"(?:{_LESS}{_ABOUT}(?:{_COUNTED}|{_MOMENT})|(?<![了才要等])(?:{_COUNTED}|{_HALF_DAY}){_DONE}"
    rf"|{_COUNTED}(?:以上|左右)?(?:{_QUICKLY}|以?内|之内|还?(?:不到|没到))?"
    rf"|{_HALF_DAY}(?:{_QUICKLY})?|{_MOMENT})"
)

_SHORT = re.compile(rf"{_LESS}|.*(?:[内就便全部都]|[不没]到|{_DONE})$|(?:{_MOMENT})$")
_VALUE = re.compile(rf"({_NUMBER})\s*[多几来]?个?(半)?[多几来]?个?\s*({_UNIT})")


def number(text: str) -> float:
    """The value of digits or a Chinese numeral as people write it: 1.5, 四十五, 三四十 (40), 十几 (13), 半 (0.5)."""
    if text[0].isascii():
        return float(text)
    if text == "个把":
        return 1
    total, digit = 0.0, 0.0
    for sign in text:
        if sign in _TENS:
            total += (digit or 1) * _TENS[sign]
            digit = 0
        else:
            digit = _DIGITS[sign]
    return total + digit


def length(text: str, long_wait_minutes: float) -> Length:
    """Whether an expression found by `DURATION` is a long wait, one of days, or none to speak of."""
    if _SHORT.match(text):
        return "@short"
    counted = _VALUE.search(text)
    if counted is None:
        return "@long"  # half a day: 一上午
    value, half, unit = counted.groups()
    minutes = (number(value) + (0.5 if half else 0)) * next(
        each for name, each in sorted(_MINUTES.items(), key=lambda pair: -len(pair[0])) if unit.startswith(name)
    )
    if minutes >= 2 * 24 * 60:
        return "@days"
    return "@long" if minutes >= long_wait_minutes else "@short"
