"""Personal data in comments. Source: CONTRACT §3, Personal data."""

import pytest

from streams.rules.masking import mask

PERSONAL = [
    "13812345678",
    "138 1234 5678",
    "138-1234-5678",
    "+86 138-1234-5678",
    "+8613812345678",
    "0086 13812345678",
    "（86）13812345678",
    "１３８１２３４５６７８",
    "021-57921234",
    "(021)57921234",
    "02157921234",
    "0512 6789 1234",
    "0512-67891234转801",
    "+86-21-57921234",
    "+852 9123 4567",
    "+853-6612-3456",
    "＋１ 415 555 2671",
    "+44 20 7946 0958",
    "400-820-8820",
    "57921234",
    "5792123",
    "31010119900101123X",
    "31010119900101123x",
    "310101199001011234",
    "310101 19900101 123X",
    "３１０１０１１９９００１０１１２３Ｘ",
    "310101900101123",
    "310101 900101 123",
    "6222021234567890",
    "6222 0212 3456 7890",
    "6222021234567890123",
    "6222-0212-3456-7890-123",
    "someone.else+tag@mail.example.com",
    "123456@qq.com",
    "ａｂｃ＠ｑｑ．ｃｏｍ",
    "someone(at)example.com",
    "a @ b . com",
    "zhang_1@a6.公司",
    "zhang@上海.中国",
    "138.1234.5678",
    "138、1234、5678",
    "1 3 8 1 2 3 4 5 6 7 8",
    "138\u200b1234\u200b5678",
    "137(1234)5678",
    "①③⑧①②③④⑤⑥⑦⑧",
    "𝟏𝟑𝟖𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖",
    "幺三八一二三四五六七八",
    "幺三九 幺二三四 五六七八",
    "一三九，一二三四，五六七八",
    "幺三九-幺二三四-五六七八",
    "139一二三四5678",
    "１３九、一二三四、五６７８",
    "零二一-五七九二一二三四",
    "三一零一零一 一九九零零一零一 一二三四",
    "6222 02123 45678 90123",
    "622202 1234567890123",
    "310101.19900101.1234",
]

ORDINARY = [
    "2026-05-12",
    "2026/05/12 10:30:00",
    "２０２６-05-12",
    "20260512",
    "2026.05.12",
    "2026年5月12日13:45",
    "2026-05-12 2026-05-13 10点",
    "2026-2027年度",
    "10:00-11:30",
    "1380元",
    "5792123元",
    "12345热线",
    "A012号",
    "JS-2026-000123",
    "JS2026051200012",
    "办件编号57921234",
    "等了90分钟, 跑了3趟, 花了12.50",
    "3楼5号窗口, 2个人",
    "编号20260512001",
    "单号2026051200012345",
    "办件编号:20260512000123",
    "202605121030",
    "2026-05-12至2026-06-12",
    "2026-05-12 - 2026-06-12 10:30",
    "1,200.50元",
    "50000000元",
    "9:00—11:30, 13:00—16:30",
    "十一点半到一点半",
    "1.5小时、2.5小时",
    "3+10000000",
    "A+1234567",
    "窗口1+2",
    "一三五下午",
    "周一三五，二四六，一三五都可以",
    "二〇二六年五月一二日",
    "二〇二六-〇五-一二 二〇二六-〇五-一三",
    "一九九八-一二-〇一 一九九九-〇一-〇二",
    "一二三四弄五六号七〇八室",
    "A一三九号，前面还有一二三个人",
    "一百三十九元五角",
    "一、三、五号窗口和二、四、六号窗口",
    "微信支付12345元",
    "微信wechat打不开",
    "微信公众号suishenban",
    "微信：20260512",
    "QQ12345热线",
    "QQ20260512登录",
    "QQ 50000元",
]

CALLED = [
    ("微信号", "abc_123456"),
    ("加我微信：", "wx123456"),
    ("微信：", "zhangsan"),
    ("加微信", "zhangsan-88"),
    ("V信号", "abc12345"),
    ("QQ ", "12345678"),
    ("QQ号：", "123456789"),
    ("扣扣是", "54321"),
]


@pytest.mark.parametrize("number", PERSONAL)
def test_personal_data_is_masked_with_as_many_stars(number: str) -> None:
    assert mask(f"我的是{number},请回复") == f"我的是{'*' * len(number)},请回复"


@pytest.mark.parametrize("text", ORDINARY)
def test_dates_times_amounts_and_case_numbers_stay(text: str) -> None:
    assert mask(f"办理于{text}完成") == f"办理于{text}完成"


@pytest.mark.parametrize(("said", "personal"), CALLED)
def test_an_id_that_is_called_one_is_masked_and_what_calls_it_stays(said: str, personal: str) -> None:
    assert mask(f"请回复，{said}{personal}，谢谢") == f"请回复，{said}{'*' * len(personal)}，谢谢"


def test_a_mobile_number_after_the_name_of_a_chat_is_masked_whole() -> None:
    assert mask("QQ 13812 345678") == "QQ ************"
    assert mask("微信同号13812345678") == "微信同号***********"
    assert mask("QQ：123456@qq.com") == "QQ：*************"


def test_a_one_before_a_country_code_is_no_digit_of_the_number() -> None:
    assert mask("号码之一86-1381 2345 678") == "号码之一****************"


def test_several_in_one_text_are_all_masked() -> None:
    assert mask("13812345678或021-57921234,a@b.cn") == "***********或************,******"


def test_two_phone_numbers_without_anything_between_are_masked() -> None:
    assert mask("1381234567813912345678") == "*" * 22


def test_a_date_before_a_phone_number_stays() -> None:
    assert mask("2026-05-12 13812345678") == "2026-05-12 ***********"


def test_a_long_number_of_unknown_kind_is_masked() -> None:
    assert mask("编号201234567890") == "编号************"


def test_a_local_number_is_masked_where_a_word_says_it_is_one() -> None:
    assert mask("电话：5792 1234") == "电话" + "*" * 10


def test_a_text_without_digits_comes_back_itself() -> None:
    text = "态度很好,谢谢"
    assert mask(text) is text
    assert mask("") == ""
