"""Personal data in free text, masked. Source: CONTRACT §3, Personal data.

What is masked keeps its length, so that a reader sees that something stood there. Digits may be full-width, ringed
(①), a phone's emoji (1️⃣) or written out (幺三八, 壹叁捌), some of them or all, and grouped with spaces, dashes and the
like. Signs that nobody sees are passed over. Where it is unclear what a long number is, it is masked: a case number too
many is a lesser harm than a phone number shown.
"""

import re
import unicodedata
from collections.abc import Sequence
from itertools import chain

#: Signs that take no room, or turn others round: nobody sees them between two digits.
_SIGNS_UNSEEN = (
    "\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u0300-\u036f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u20d0-\u20f0\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff"
)
_UNSEEN = re.compile(f"[{_SIGNS_UNSEEN}]")
_DIGIT = "[0-9０-９]"
_GAP = r"[ \t\u00a0\u3000\-－–—‐‑]"
#: What people put between the digits of a mobile number or an ID card, to be read or not to be found.
_LOOSE_GAP = r"[ \t\r\n\u00a0\u3000\-－–—‐‑_.．·・,，、/／~～*()（）]"
_NO_DIGIT_BEFORE = f"(?<!{_DIGIT})"
_NO_DIGIT_BEHIND = f"(?!{_DIGIT})"


def _digits(text: str) -> str:
    """A pattern for these characters, half-width or full-width: "1[3-9]" of a phone number."""
    wide = str.maketrans("0123456789", "０１２３４５６７８９")
    return re.sub(r"\[([0-9])-([0-9])\]|([0-9])", lambda m: _either(m, wide), text)


def _either(match: re.Match[str], wide: dict[int, int]) -> str:
    first, last, single = match.groups()
    if single:
        return f"[{single}{single.translate(wide)}]"
    return f"[{first}-{last}{first.translate(wide)}-{last.translate(wide)}]"


def _grouped(count: str, gap: str = _GAP) -> str:
    """So many digits, with at most two separators between one and the next."""
    return f"(?:{gap}{{0,2}}{_DIGIT}){{{count}}}"


#: Country code 86, as +86, 0086, (86) or bare.
_COUNTRY = f"(?:[(（]?[+＋]?(?:{_digits('00')})?{_digits('86')}[)）]?{_GAP}{{0,2}})?"
#: In its usual groups, 138 - 1234 - 5678, more signs may stand between: any but letters, arrows, a sum's or a price's.
_APART = r"[^\w*=+×÷%％¥￥$<>←-⇿]{0,6}"
_IN_GROUPS = f"{_digits('1[3-9]')}{_DIGIT}{_APART}{_DIGIT}{{4}}{_APART}{_DIGIT}{{4}}"
_MOBILE = f"{_COUNTRY}(?:{_IN_GROUPS}|{_digits('1')}{_LOOSE_GAP}{{0,2}}{_digits('[3-9]')}{_grouped('9', _LOOSE_GAP)})"
#: With letters that look like digits.
_LOOKS_LIKE = "(?<![A-Za-z0-9])[1Il][3-9][0-9OoIl]{9}(?![A-Za-z0-9])"
#: Area code 010, 021 or 0 and three digits, then 7 or 8, perhaps with an extension; or 400 and 800 numbers.
_AREA = f"[(（]?{_digits('0[1-9]')}{_DIGIT}{{1,2}}[)）]?{_GAP}{{0,2}}"
_EXTENSION = f"(?:{_GAP}?(?:转|[-－]){_GAP}?{_DIGIT}{{1,5}})?"
_SERVICE = f"(?:{_digits('400')}|{_digits('800')}){_grouped('7')}"
_ABROAD = f"[+＋]{_digits('[1-9]')}{_grouped('7,14')}"  # +86 21 5792 1234, +852 9123 4567: up to 15 digits (E.164)
_LANDLINE = f"(?:{_COUNTRY}{_AREA}{_digits('[1-9]')}{_grouped('6,7')}{_EXTENSION}|{_SERVICE}|{_ABROAD})"
#: Without an area code it is a phone number if a word says so; else 7 or 8 digits that are no date, no amount, and
#: not called a case number.
_SAID = f"(?:(?<=电话)|(?<=座机)|(?<=致电))[号码为是:： ]{{0,3}}{_digits('[2-9]')}{_grouped('6,7')}"
_DATE = f"(?:{_digits('19')}|{_digits('20')}){_DIGIT}{{2}}{_digits('[0-1]')}{_DIGIT}{_digits('[0-3]')}{_DIGIT}"
_NOT_CASE = "".join(
    f"(?<!{word})" for word in ("编号", "编号:", "编号：", "单号", "案号", "件号", "水号", "理号", "编码")
)
_NOT_PART = "(?<![A-Za-z*./_#¥￥$-])"
_NOT_AMOUNT = r"(?![A-Za-z]|[.．,，][0-9]|[ 多余]?[元块万人件个次份页天%])"
_BARE = f"{_NOT_CASE}{_NOT_PART}(?!{_DATE}){_digits('[2-9]')}{_DIGIT}{{6,7}}{_NO_DIGIT_BEHIND}{_NOT_AMOUNT}"
#: ID cards of 18: district, birth date, number, check digit or X.
_ID_CARD = (
    f"{_digits('[1-9]')}{_grouped('5', _LOOSE_GAP)}{_LOOSE_GAP}{{0,2}}"
    f"(?:{_digits('18')}|{_digits('19')}|{_digits('20')})"
    f"{_grouped('9', _LOOSE_GAP)}{_LOOSE_GAP}{{0,2}}[0-9０-９xXｘＸ×]"
    f"|{_DIGIT}{{6}}{_APART}(?:{_digits('19')}|{_digits('20')}){_DIGIT}{{6}}{_APART}{_DIGIT}{{3}}[0-9０-９xXｘＸ]"
)
#: Any 11 digits or more: old ID cards (15), bank cards (16 to 19), whatever else.
_LONG = f"{_DIGIT}{{11,}}[xXｘＸ]?"
#: Bank cards in groups of four, old ID cards in their groups.
_CARD = f"{_DIGIT}{{4}}(?:{_GAP}{{1,2}}{_DIGIT}{{4}}){{3}}(?:{_GAP}{{1,2}}{_DIGIT}{{1,3}})?"
#: The same grouped anyhow, but no two dates in a row.
_ANY_CARD = f"(?<![0-9][-－./])(?!{_DIGIT}{{4}}[-－./]{_DIGIT}{{1,2}}[-－./]){_DIGIT}{_grouped('14,18')}"
_OLD_ID = f"{_DIGIT}{{6}}{_GAP}{{0,2}}{_DIGIT}{{6}}{_GAP}{{0,2}}{_DIGIT}{{3}}"
_WORD = "A-Za-z0-9ａ-ｚＡ-Ｚ０-９"
_AT = r"(?:[@＠﹫]|[(（\[]at[)）\]])"
#: Domains may be Chinese, too: 上海.中国, 12345.政务.
_CHINESE_DOMAIN = rf"[{_WORD}\u4e00-\u9fff-]+[.．](?:中国|公司|网络|政务|公益|在线|集团)"
_EMAIL = (
    rf"(?<![{_WORD}_.+%-])(?:[{_WORD}_.+%-]*[ \u3000]?{_AT}[ \u3000]?[{_WORD}-]+"
    rf"(?:(?:[ \u3000]?[.．。][ \u3000]?[{_WORD}-]+)+|[,，点](?:com|cn|net|org))"
    rf"|[{_WORD}_.+%-]+{_AT}{_CHINESE_DOMAIN})"
)
#: A number spoken, 幺三八…, perhaps in groups: a landline or a card by spaces and dashes, a mobile number like any
#: other, and some of its digits may be written as such, 139一二三四5678. The 一 of 一86-1381 2345 678 is no digit.
_CHINESE = "零〇一二三四五六七八九幺"
_ANY = f"[0-9０-９{_CHINESE}]"
_SPOKEN = (
    f"[{_CHINESE}](?:{_GAP}{{0,2}}[{_CHINESE}]){{10,}}"
    f"|[1１一幺](?<!{_DIGIT}.)(?!{_MOBILE}{_NO_DIGIT_BEHIND}){_LOOSE_GAP}{{0,2}}[3-9３-９三四五六七八九]"
    f"(?:{_LOOSE_GAP}{{0,2}}{_ANY}){{9}}{_NO_DIGIT_BEHIND}"
)
#: 二〇二六-〇五-一二, of which two in a row are no number.
_SPOKEN_DATE = f"(?:一九|二[〇零])[{_CHINESE}]{{2}}(?:[-－./．][{_CHINESE}]{{1,2}}){{2}}(?!{_ANY})"
#: WeChat and QQ ids that are called so; the name before them, up to the group's end, stays. 12345 is the hotline.
_WECHAT = (
    "[微威VvＶ]信(?P<wechat>(?:号码?[是为]?|(?=[:：])|(?<=加..)|(?<=加[我他她个的]..))[:： ]{0,2})"
    "[A-Za-z][A-Za-z0-9_-]{5,19}(?![A-Za-z0-9_@＠-])"
)
_QQ = (
    f"[QqＱｑ扣]{{2}}(?P<qq>群?号?码?[是为:： ]{{0,3}})(?!12345{_NO_DIGIT_BEHIND}|{_DATE})"
    f"{_digits('[1-9]')}{_DIGIT}{{4,10}}(?!{_GAP}{{0,2}}{_DIGIT}|[@＠]){_NOT_AMOUNT}"
)
#: 20260512001, JS2026051200012: a date of this century and a running number. No phone number begins with 20, nor does
#: an ID card (20 is no province), nor a bank card. Longer ones only behind letters or a word that says so.
_DATE_OF_CASE = "20[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
_CASE_NUMBER = (
    f"(?:(?<![A-Za-z])[A-Z]{{1,6}}-?{_DATE_OF_CASE}[0-9]{{3,7}}"
    f"|(?<![A-Za-z0-9*.-]){_DATE_OF_CASE}[0-9]{{3,6}}"
    f"|(?:编号|单号|水号|理号|案号|件编码)[:：是为 ]{{0,2}}{_DATE_OF_CASE}[0-9]{{3,9}})(?![0-9Xx*])"
)

_PERSONAL = re.compile(
    f"{_EMAIL}|(?P<keep>{_CASE_NUMBER}|{_SPOKEN_DATE})"
    f"|{_NO_DIGIT_BEFORE}(?:{_ID_CARD}|{_CARD}|{_ANY_CARD}|{_OLD_ID}|{_MOBILE}|{_LANDLINE}|{_LONG}){_NO_DIGIT_BEHIND}"
    f"|{_SAID}{_NO_DIGIT_BEHIND}"
    f"|{_NO_DIGIT_BEFORE}{_BARE}"
    f"|{_LONG}|{_SPOKEN}|{_LOOKS_LIKE}|{_WECHAT}|{_QQ}"
)
#: Every other sign that stands for a digit, by the digit it stands for: ①, ⒈, 𝟏.
_OTHER_DIGITS = {
    sign: str(unicodedata.digit(chr(sign)))
    for sign in chain((0xB2, 0xB3, 0xB9), range(0x660, 0x3300), range(0xFF10, 0xFF1A), range(0x1D7CE, 0x1D800))
    if unicodedata.digit(chr(sign), None) is not None
}
#: As they are written on cheques.
_CAPITALS = str.maketrans("壹贰叁肆伍陆柒捌玖貳參叄陸", "一二三四五六七八九二三三六")
#: Spaces, line ends and dashes that are as good as the usual ones.
_OTHER_GAPS = (
    dict.fromkeys([*range(0x2000, 0x200B), 0x1680, 0x202F, 0x205F, 0x2800], " ")
    | dict.fromkeys([0x0B, 0x0C, 0x85, 0x2028, 0x2029], "\n")
    | dict.fromkeys(map(ord, "‒―−﹣﹘"), "-")
)
_AS_USUAL = _OTHER_DIGITS | _CAPITALS | _OTHER_GAPS
_WRITTEN = _CHINESE + "".join(map(chr, _CAPITALS))
_MAY_HOLD = re.compile(
    rf"[\d{''.join(map(chr, _OTHER_DIGITS))}@＠﹫{_SIGNS_UNSEEN}]|[(（\[]at"
    rf"|[{_WRITTEN}](?:{_LOOSE_GAP}{{0,2}}[{_WRITTEN}]){{10}}|信[号:： A-Za-z]"
)


def mask(text: str) -> str:
    """The text with phone numbers, ID cards, e-mail addresses, bank cards, WeChat and QQ ids as so many `*`.

    Dates, times, amounts and short numbers stay. Masking twice changes nothing more.
    """
    if not _MAY_HOLD.search(text):
        return text
    plain = text.translate(_AS_USUAL)
    place: Sequence[int] = range(len(text) + 1)  # where each sign of `plain` stands in the text
    if _UNSEEN.search(plain):
        place = [at for at, sign in enumerate(plain) if not _UNSEEN.match(sign)] + [len(text)]
        plain = _UNSEEN.sub("", plain)
    masked, end = [], 0
    for found in _PERSONAL.finditer(plain):
        name = found.lastgroup
        if name != "keep":
            begin, behind = place[found.end(name) if name else found.start()], place[found.end()]
            masked += [text[end:begin], "*" * (behind - begin)]
            end = behind
    return "".join([*masked, text[end:]]) if masked else text
