"""Whatever surrounds it and however it is written, personal data never survives. Source: CONTRACT §3, Personal data."""

from hypothesis import given
from hypothesis import strategies as st

from streams.rules.masking import mask

WIDE = str.maketrans("0123456789", "０１２３４５６７８９")
CHINESE = ("零一二三四五六七八九", "〇幺二三四五六七八九")
CAPITALS = "壹贰叁肆伍陆柒捌玖貳參叄陸"  # eleven in a row of them are a number
words = st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5, exclude_characters=CAPITALS)
chinese = st.text(words | st.sampled_from(",。!? "), max_size=30)
unseen = st.text("\u200b\u200e\u00ad\u2060\u2066\ufe0f\u20e3\u0000", max_size=5)
anything = st.text(
    st.characters(codec="utf-8") | st.sampled_from("0123456789０５9-@.Xx 元编号一三五幺〇，微信号QQ是"), max_size=60
)


def digits(least: int, most: int | None = None) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=least, max_size=most or least)


@st.composite
def grouped(draw: st.DrawFn, number: str, *sizes: int) -> str:
    """A number, at once or in groups of these sizes with one kind of separator, half-width or full-width."""
    separator = draw(st.sampled_from(["", " ", "-", "\u3000", "－", "--"]))
    groups, at = [], 0
    for size in sizes:
        groups.append(number[at : at + size])
        at += size
    text = separator.join(part for part in [*groups, number[at:]] if part)
    return text.translate(WIDE) if draw(st.booleans()) else text


@st.composite
def mobiles(draw: st.DrawFn) -> str:
    number = "1" + draw(st.sampled_from("3456789")) + draw(digits(9))
    country = draw(st.sampled_from(["", "+86", "+86 ", "0086", "86-", "(+86)"]))
    if draw(st.booleans()):
        gaps = st.text(" -._·/、\u200b", max_size=2)
        return country + "".join(digit + draw(unseen) + draw(gaps) for digit in number[:-1]) + number[-1]
    return country + draw(grouped(number, *draw(st.sampled_from([(3, 4), (3, 3), (4, 4), (5,)]))))


@st.composite
def spoken_mobiles(draw: st.DrawFn) -> str:
    """Some digits of it, or all, written out."""
    number = "1" + draw(st.sampled_from("3456789")) + draw(digits(9))
    digit = draw(st.sampled_from(CHINESE))
    spoken = draw(st.lists(st.booleans(), min_size=11, max_size=11).filter(any))
    text = "".join(digit[int(sign)] if said else sign for sign, said in zip(number, spoken, strict=True))
    sizes = draw(st.sampled_from([(), (3, 4), (3, 3), (4, 4), (3, 2, 2, 2)]))
    separator = draw(st.sampled_from([" ", "-", "，", ",", "、", "——", "\u3000"]))
    groups, at = [], 0
    for size in sizes:
        groups.append(text[at : at + size])
        at += size
    return separator.join([*groups, text[at:]])


@st.composite
def chat_ids(draw: st.DrawFn) -> tuple[str, str]:
    """What says that it is one, and the id."""
    if draw(st.booleans()):
        said = draw(st.sampled_from(["微信号", "微信：", "微信号:", "加我微信", "加微信: ", "V信号是"]))
        return said, draw(st.from_regex("[A-Za-z][A-Za-z0-9_-]{5,19}", fullmatch=True))
    said = draw(st.sampled_from(["QQ", "QQ ", "QQ号：", "qq:", "QQ是", "扣扣"]))
    number = st.from_regex("[3-9][0-9]{5,9}", fullmatch=True)  # not as a date begins
    return said, draw(number)


@st.composite
def landlines(draw: st.DrawFn) -> str:
    area = draw(st.sampled_from(["010", "021", "0512", "0755", "0871"]))
    local = draw(st.sampled_from("23456789")) + draw(digits(6, 7))
    return draw(st.sampled_from(["{}-{}", "({}){}", "{} {}", "{}{}"])).format(area, draw(grouped(local, 4)))


@st.composite
def id_cards(draw: st.DrawFn) -> str:
    birth = draw(st.dates()).replace(year=draw(st.integers(1900, 2025)), day=1).strftime("%Y%m%d")
    district = draw(st.sampled_from("123456")) + draw(digits(5))
    if draw(st.booleans()):
        return draw(grouped(district + birth[2:] + draw(digits(3)), 6, 6))
    return draw(grouped(district + birth + draw(digits(3)), 6, 8)) + draw(st.sampled_from("0123456789Xx"))


@st.composite
def bank_cards(draw: st.DrawFn) -> str:
    return draw(grouped("6" + draw(digits(15, 18)), 4, 4, 4, 4))


emails = st.from_regex(r"[a-z0-9][a-z0-9._]{0,10}[a-z0-9]@[a-z0-9]{1,8}(\.[a-z]{2,5}){1,2}", fullmatch=True)


@given(chinese, mobiles() | landlines() | id_cards() | bank_cards() | emails, chinese)
def test_personal_data_never_survives(before: str, personal: str, behind: str) -> None:
    masked = mask(before + personal + behind)
    assert masked == before + "*" * len(personal) + behind


@given(chinese.filter(lambda text: text[-1:] not in CHINESE[0] + CHINESE[1]), spoken_mobiles(), chinese)
def test_spoken_numbers_never_survive(before: str, personal: str, behind: str) -> None:
    masked = mask(before + personal + behind)
    assert masked.startswith(before + "*" * len(personal))
    assert masked.endswith(behind.lstrip("".join(CHINESE)))


@given(chinese, chat_ids(), chinese)
def test_ids_called_so_never_survive(before: str, chat: tuple[str, str], behind: str) -> None:
    said, personal = chat
    end = "。" + behind  # 12345678元 is an amount, and a letter behind is one more of the id
    assert mask(before + said + personal + end) == before + said + "*" * len(personal) + end


@given(st.text(st.sampled_from("一二三四五六七八九〇零幺十百年月日号点半个，、- "), max_size=10))
def test_fewer_digits_than_a_number_has_stay(text: str) -> None:
    assert mask(f"等{text}下午") == f"等{text}下午"


@given(st.text(st.characters(exclude_categories=["Nd"], exclude_characters="@＠﹫信" + "".join(CHINESE) + CAPITALS)))
def test_text_without_digits_and_at_signs_is_unchanged(text: str) -> None:
    assert mask(text) == text


@given(anything)
def test_length_is_kept_and_a_second_masking_changes_nothing(text: str) -> None:
    masked = mask(text)
    assert len(masked) == len(text)
    assert mask(masked) == masked


@given(anything)
def test_no_run_of_eleven_digits_survives_outside_a_case_number(text: str) -> None:
    masked = mask(text.replace("2", "3"))  # without a 2 there is no year 20.., so no case number
    run = 0
    for sign in masked:
        run = run + 1 if sign in "0123456789０１２３４５６７８９" else 0
        assert run < 11
