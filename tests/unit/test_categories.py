"""What reviews complain about. Source: CONTRACT §3, Categories; DOMAIN, stories 1 to 3."""

import doctest
import re
from pathlib import Path

import pytest

from streams.errors import HaochapingError
from streams.rules.categories import CATEGORIES, TITLES, TITLES_EN, Lexicon, cause_of, load_lexicon
from streams.rules.durations import DURATION, length, number
from tests.data.score_comments import comments, scores
from tests.lexicon import LEXICON

#: Separated by | and line ends.
PRAISE = """
很好|非常好|好|满意|非常满意|很满意|基本满意|谢谢|感谢|好评|五星好评|点赞|赞|棒|太棒了|不错|挺好|可以|还行|无|没有|无意见|没意见|暂无|服务好|服务态度好|服务态度很好|态度非常好
服务热情|热情周到|服务周到细致|服务一流|服务很到位|优质服务|服务满意|效率高|办事效率高|办事效率很高|速度快|办理速度很快|高效便捷|快捷方便|又快又好|办事很快|态度好,效率高|态度和蔼可亲,业务熟练
工作人员热情耐心|工作人员认真负责|工作人员业务精通,讲解清楚|不用排队,来了就办|没怎么等就轮到了|等了不到十分钟|基本没有排队|排队不久|没等多久|等候时间很短|十分钟搞定|几分钟就办完了|半小时就拿到证了
材料不多,手续简单|材料一次性告知清楚|流程简单明了|手续不复杂|不用提交纸质材料|没有任何推诿扯皮|从不刁难群众|没有为难我们|毫不敷衍|从来没有不耐烦过|没有架子|一点都不冷漠|不推诿不拖延|跑一次就办好了
只跑了一趟|不用来回跑|一次都不用跑|避免了多次跑动|少跑了好几趟|再也不用跑来跑去了|系统稳定,操作方便|自助机很好用|网上办理没有卡顿|小程序使用顺畅|环境好|环境优雅舒适|大厅宽敞明亮
大厅很干净,座位也多|停车位充足|停车不难|空调温度合适|厕所很干净|不收费|没有收费|全程免费|收费合理透明|一分钱没花|窗口很多,不用等待|窗口人员充足|叫号有序|叫号合理,秩序好|服务态度没话说
好得不得了|不要太好|好到没朋友|无可挑剔|挑不出一点毛病|无微不至|不厌其烦|不辞辛苦|一丝不苟|工作人员不怕麻烦,多次耐心解释|麻烦工作人员了,非常感谢|不好意思麻烦你们了,谢谢|这次体验非常好|体验感很好
感觉很舒心|比以前快多了|比以前好多了,不用跑好几趟|以前排队很长,现在好多了|过去态度差,现在完全不一样|效率提高了很多|服务水平明显提升|增加了窗口,排队时间短了|服务有很大改善
本来以为会很慢,没想到这么快|还以为要等一上午,结果二十分钟就好了|担心被刁难,其实很顺利|听说很难办,其实很简单|虽然人很多,但是办得很快|人多但秩序很好|虽然等了一会儿,但服务很好|希望继续努力
希望再接再厉|希望保持|继续加油|祝工作顺利|希望越来越好|建议表扬|建议给她加工资|不懂的都耐心解答|我不会用手机,工作人员手把手教我|不知道怎么填表,导办员很热心地指导|不清楚的地方讲得很清楚
问什么都耐心回答|有问必答,不嫌烦|业务不懂的地方解释到位|老人行动不便,提供上门服务|材料缺了一份,工作人员让我手机补传,很方便|资料有误,工作人员一次讲清|打电话咨询,马上有人接听|出现问题及时解决
遇到系统问题,工作人员帮忙解决了|很快就通知我取证了|短信提醒很及时|服务不错,态度也不错|真不错|相当不错|还不错|挺不错的|没毛病|没问题|完全没有问题|没有问题,很顺利|没有缺点|没什么可挑剔的
没有不好的地方|没有不满意|办证快,拿证也快|当场就拿到了|当天办结|三分钟办好|五天就批下来了|原定十个工作日,三天就办好|两小时内办结|立等可取|便民利民|为人民服务|为民办实事|人性化服务|贴心暖心
宾至如归|像回到家一样|如沐春风|春风般的温暖|感受到了温暖|人民的好公仆|小姐姐很耐心|小哥哥业务很熟|小王服务好|导办热情主动|保安大哥很热心|领导亲自接待|一站式服务,不用多头跑|一窗通办,省时省力
省去了排队的烦恼|节省了时间|不耽误时间|不浪费时间|第二次来了,一如既往的好|来过多次,每次都很满意|经常来办事,服务一直很好|无需等待|无须预约|随到随办|即来即办|秒办|秒批|解答疑问清晰|指引清楚
标识清楚,好找|指示牌很清楚|周末也上班,方便上班族|中午不休息,方便群众|延时服务很好|特事特办,灵活|解决了我的燃眉之急|解了我的难题|帮了大忙|非常给力|好好好|很好很好|好人一生平安
"""


def found(comment: str, *tags: str) -> tuple[str, ...]:
    return LEXICON.classify(tags, comment)


def test_the_fourteen_categories_stand_in_the_contracts_order_with_both_titles() -> None:
    assert (
        *("attitude", "obstruct", "unskilled", "slow", "queue", "calling", "understaffed"),
        *("not_informed", "repeat_visit", "materials", "system", "facility", "fees", "experience"),
    ) == CATEGORIES
    assert tuple(TITLES) == tuple(TITLES_EN) == CATEGORIES
    assert TITLES["attitude"] == "态度差"
    assert TITLES["experience"] == "体验差"


@pytest.mark.parametrize(
    ("categories", "cause"),
    [
        ((), "unknown"),
        (("attitude", "obstruct", "unskilled"), "conduct"),
        (("slow", "queue"), "process"),
        (("experience",), "process"),
        (("attitude", "queue"), "mixed"),
    ],
)
def test_cause_is_conduct_for_people_process_for_the_rest_and_mixed_for_both(
    categories: tuple[str, ...], cause: str
) -> None:
    assert cause_of(categories) == cause


STORIES = {
    "服务态度非常不好!需加大力度改正": ("attitude",),
    "效率差,从进门排队到办理业务等候超一小时,体验很差,办理窗口仅两个,人员不足": (
        *("slow", "queue", "understaffed", "experience"),
    ),
    "刁难办事人,或是业务不熟": ("obstruct", "unskilled"),
    "服务态度极差,说话都是冲来冲去的": ("attitude",),
    "不用排队": (),
    "态度很好": (),
}


@pytest.mark.parametrize("comment", STORIES)
def test_the_stories_comments(comment: str) -> None:
    assert found(comment) == STORIES[comment]


def test_ms_xis_tags() -> None:
    assert LEXICON.classify(["效率差", "体验差", "人员不足"], None) == ("slow", "understaffed", "experience")


def test_tags_and_comment_go_together_and_no_category_stands_twice() -> None:
    assert found("又慢又没人管座位", "办理速度慢", "效率差")[0] == "slow"
    assert found("排队太久", "效率差", "排队时间长") == ("slow", "queue")


def test_a_tag_the_table_does_not_know_is_read_like_a_comment() -> None:
    assert LEXICON.classify(["空调太热", "态度好", " 效率差 "], "") == ("slow", "facility")


@pytest.mark.parametrize("nothing", [None, "", " ", "无", "!!!", "👍👍", "12345", "ok"])
def test_nothing_said_is_nothing_found(nothing: str | None) -> None:
    assert LEXICON.classify(None, nothing) == LEXICON.classify([], nothing) == ()


RULES = {
    # denial
    "没有刁难": (),
    "不是态度不好": (),
    "没有刁难、推诿,也没有乱收费": (),
    "从来没有不耐烦": (),
    "不排队": (),
    "一点礼貌都没有": ("attitude",),
    "没有人告诉我要带复印件": ("not_informed",),
    "不是刁难,是业务不熟": ("unskilled",),
    # contrast
    "态度不错,但是排队太久": ("queue",),
    "服务热情,就是窗口太少": ("understaffed",),
    "满意,但是排队人太多": ("queue",),
    "很满意,排队的人多": (),
    # several aspects, one evaluation; an aspect in the clause before; an aspect behind
    "态度和效率都很差": ("attitude", "slow"),
    "窗口的态度,真的很差": ("attitude",),
    "这么差的态度": ("attitude",),
    # wishes and questions
    "建议多开几个窗口": ("understaffed",),
    "希望增加叫号屏": ("calling",),
    "能不能快点": ("slow",),
    "为什么不多开几个窗口": ("understaffed",),
    "要是能有饮水机就更好了": ("facility",),
    "希望不要再推诿": ("obstruct",),
    "希望继续保持": (),
    "增加了窗口,很好": (),
    # waits
    "等了一个多小时": ("queue",),
    "等了45分钟": ("queue",),
    "排了一上午队": ("queue",),
    "办个证花了两个半小时": ("slow",),
    "审批等了三个星期": ("slow",),
    "等了五分钟就办好了": (),
    "不到半小时就拿到证了": (),
    "三天就办好了": (),
    # what was, or was feared
    "以前要跑好几趟,现在一次就办好了": (),
    "本以为要等很久,没想到马上就好了": (),
    "以前很快,现在排队太久": ("queue",),
    # weak and vague
    "气死我了": ("experience",),
    "排队太久,气死我了": ("queue",),
    "不知道怎么填,志愿者很热心": (),
    # what is not there, or asked for once more
    "叫号没有声音": ("calling",),
    "材料清单没有列全": ("not_informed",),
    "要准备的东西实在太多": ("materials",),
    "让我下周一再过来": ("repeat_visit",),
    "说让我十天后再来": ("repeat_visit",),
    "莫名多扣了一笔手续费": ("fees",),
    "没有笔": ("facility",),
    # one word, of people or of a thing
    "六号窗口那位不太友好": ("attitude",),
    "流程不太友好": ("materials",),
    "网站不太友好": ("system",),
    "态度差点意思": ("attitude",),
    "差点没赶上,多亏他帮忙": (),
    # a wish for what is good; one that goes on
    "希望系统稳定": ("system",),
    "希望这样的好服务坚持下去": (),
    "建议优化流程,让群众少跑腿": ("repeat_visit", "materials"),
    # 不 and a word that is good; less than before; 不 that reaches no farther
    "标识不清晰": ("not_informed",),
    "没有以前快": ("slow",),
    "没有以前麻烦": (),
    "照片不合格让我回去重拍": ("repeat_visit",),
    # a time is said of the nearest
    "办业务排队两小时": ("queue",),
    "半小时搞定": (),
    "办完二十分钟不到": (),
    # years that are no wait, a time in which all was done
    "一张证做了四十天": ("slow",),
    "办了三十年的事,头一次这么舒心": (),
    "三年的时间都没办下来": ("slow",),
    "手续一天全办完了": (),
    "两个月都没办完": ("slow",),
    # bad words in praise
    "手续比想象中简单多了": (),
    "窗口全开,人多也不怕": (),
    "希望窗口全开": ("understaffed",),
    "我说话慢,人家也不催": (),
    "工作人员打字慢": ("slow",),
    "队伍虽长,但走得很快": (),
    "队伍虽长,走得也慢": ("slow", "queue"),
    "错过号了,工作人员没让我重排": (),
    "过号了要重排": ("calling",),
    "上次来态度不好的那位换了,这次很满意": (),
    "上次态度不好,这次还是不耐烦": ("attitude",),
    # punctuation and width
    "态度差。效率低!排队久?": ("attitude", "slow", "queue"),
    "排队　太久;系统卡顿…": ("queue", "system"),
    "ＡＰＰ登录不上": ("system",),
    "「态度差」": ("attitude",),
    # traditional signs, English
    "態度很差,講話很大聲,等咗成個鐘": ("attitude", "queue"),
    "服務很好,謝謝": (),
    "Too slow, waited over an hour": ("slow", "queue"),
    "The clerk was not rude": (),
    # a time and what was done after it; dearer than elsewhere
    "一个半小时才办好": ("slow",),
    "一刻钟就办好": (),
    "工本费比别的地方贵": ("fees",),
    # said once more in other words
    "一个人顶三个岗,该加人了": ("understaffed",),
    "跑了好几家单位,就这里肯帮我": (),
}


@pytest.fixture(scope="module")
def rules_alone() -> Lexicon:
    return load_lexicon(likeness=None)


@pytest.mark.parametrize("comment", RULES)
def test_rules_by_example(comment: str, rules_alone: Lexicon) -> None:
    assert rules_alone.classify(None, comment) == RULES[comment]


def test_what_a_comment_speaks_well_of(rules_alone: Lexicon) -> None:
    assert rules_alone.speaks_well_of("排队时间不长,就是态度不好") == ("queue",)
    assert rules_alone.speaks_well_of("叫号有序,没有刁难") == ("obstruct", "calling")
    assert rules_alone.speaks_well_of("以前速度快,现在排队太久") == ()
    assert rules_alone.speaks_well_of("希望速度快,排队太久") == ()


def test_the_second_opinion_agrees_on_nearly_all_examples_and_finds_what_no_rule_does(rules_alone: Lexicon) -> None:
    assert sum(found(each) != RULES[each] for each in RULES) <= 3
    assert rules_alone.classify(None, "小程序老是要重新登录") == ()
    assert found("小程序老是要重新登录") == ("system",)


@pytest.mark.parametrize("comment", [each for each in PRAISE.replace("\n", "|").split("|") if each])
def test_praise_names_nothing(comment: str) -> None:
    assert found(comment) == ()


def test_unseen_comments_are_classified_well() -> None:
    assert scores(LEXICON, "keep")["all"].f1 >= 0.92
    assert scores(LEXICON, "blind")["all"].f1 >= 0.85


@pytest.mark.parametrize(("split", "at_most"), [("keep", 0.04), ("blind", 0.15)])
def test_what_complains_about_nothing_is_seldom_given_a_category(split: str, at_most: float) -> None:
    content = [each for each in comments(split) if not each["categories"]]
    alarms = [each for each in content if LEXICON.classify(each.get("tags"), each["comment"])]
    assert len(alarms) <= at_most * len(content)


@pytest.mark.parametrize(
    "time",
    [
        *(
            "1.5小时",
            "30 mins",
            "一个半小时",
            "十几二十分钟",
            "好几天",
            "好个把小时",
            "个把小时",
            "两三个工作日",
            "一刻钟",
        ),
        *("整整一下午", "整整半天", "整个上午", "一整天", "大半天", "老半天", "小半天", "一早上", "半天", "全天"),
        *(
            "不到一小时",
            "未超过十分钟",
            "没用几分钟",
            "用不了三天",
            "要不了两天",
            "少于5天",
            "只需三天",
            "仅用5分钟",
            "才花了一天",
        ),
        *("最多两天", "一小会儿", "一会", "片刻", "几秒"),
    ],
)
def test_a_time_is_found_whole(time: str) -> None:
    match = re.match(DURATION, time)
    assert match
    assert match[0] == time


@pytest.mark.parametrize("date", ["6月3日", "7月22日", "2026年5月", "二〇二六年六月三日", "十二月底", "5月份"])
def test_a_date_is_no_duration(date: str) -> None:
    assert found(f"{date}办的居住证") == ()
    assert found(f"{date}交的材料,等了三个月还没办下来") == ("slow",)


def test_a_comment_of_the_greatest_length_is_read_in_no_time() -> None:
    assert found("排队太久," * 400) == ("queue",)
    assert found("很" * 2000) == found("不" * 2000) == found("0" * 2000) == ()


@pytest.mark.parametrize(
    ("text", "value"),
    [("1.5", 1.5), ("半", 0.5), ("两", 2), ("十", 10), ("四十五", 45), ("三四十", 40), ("十几", 13), ("一百二十", 120)],
)
def test_numerals(text: str, value: float) -> None:
    assert number(text) == value


def test_a_wait_is_long_from_the_lexicons_minutes_on() -> None:
    assert [length(each, 20) for each in ("19分钟", "20分钟", "一个半小时", "两天", "半天", "两小时内")] == [
        *("@short", "@long", "@long", "@days", "@long", "@short"),
    ]


# A district's own file


def district(tmp_path: Path, text: str) -> Lexicon:
    path = tmp_path / "district.toml"
    path.write_text(text, encoding="utf-8")
    return load_lexicon(path)


def test_a_district_adds_words_tags_and_rules(tmp_path: Path) -> None:
    lexicon = district(
        tmp_path,
        """
        version = "jinshan-1"
        long_wait_minutes = 40
        [tags]
        "等位久" = ["queue"]
        [attitude]
        says = ["结棍腔"]
        [[facility.when]]
        about = ["班车"]
        bad = ["少", "停了"]
        """,
    )
    assert lexicon.version == f"{LEXICON.version}+jinshan-1"
    assert lexicon.classify(["等位久"], "一副结棍腔,班车太少") == ("attitude", "queue", "facility")
    assert lexicon.classify(None, "等了30分钟") == ()
    assert lexicon.classify(None, "排队太久") == ("queue",)


def test_a_districts_words_stand_whatever_is_said_around_them(tmp_path: Path) -> None:
    text = '[attitude]\nsays = ["结棍腔"]\n[[facility.when]]\nabout = ["班车"]\nbad = ["少"]'
    lexicon = district(tmp_path, text)
    for each in comments("keep")[:300]:
        assert "attitude" in lexicon.classify(None, f"{each['comment']}。一副结棍腔"), each
        assert "facility" in lexicon.classify(None, f"{each['comment']}。班车太少"), each


def test_a_districts_entry_overrides_the_shipped_one(tmp_path: Path) -> None:
    lexicon = district(tmp_path, '[tags]\n"效率差" = ["experience"]\n[grammar]\nneutral = ["推销", "聊天"]\n')
    assert found("聊天") == ("attitude",)
    assert lexicon.classify(["效率差"], "推销,聊天") == ("experience",)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[attitude", "is not TOML"),
        ('[rudeness]\nsays = ["x"]', "[rudeness]: no such category"),
        ('[attitude]\nshouts = ["x"]', "[attitude] shouts: no such list"),
        ("[attitude]\nsays = [3]", "[attitude] says: 3 is not a text"),
        ('[attitude]\nsays = "x"', "[attitude] says: must be a list"),
        ('[attitude]\nsays = ["(吼"]', "[attitude] says: (吼: cannot be used as a pattern"),
        ('[attitude]\nsays = ["(?i)vip吼"]', "[attitude] says: (?i)vip吼: cannot be used as a pattern: flags"),
        ('[attitude]\nsays = ["(吼)人"]', "group with (?:…)"),
        ('[attitude]\nsays = ["吼?"]', "can match nothing"),
        ('[attitude]\nsays = [".+吼"]', "must begin with certain signs"),
        ('[attitude]\nsays = ["{vry}吼"]', "vry"),
        ('[attitude]\nsays = ["@poors"]', "@poors: no such list"),
        ('[attitude]\nsays = ["哼", "哼"]', "哼 stands there twice"),
        ('[[attitude.when]]\nbad = ["差"]', "`about` list"),
        ('[[attitude.when]]\nabout = ["声"]\nworse = ["大"]', "worse: no such list"),
        ('[tags]\n"慢" = ["slwo"]', "[tags] 慢: must be a list of categories"),
        ('[grammar]\nnots = ["x"]', "[grammar] nots: no such list"),
        ("attitude = 3", "attitude: must be a section"),
        ("version = 3", "version: must be a text"),
        ("long_wait_minutes = -1", "long_wait_minutes: must be a number"),
        ("[macros]\nvery = 3", "[macros] very: must be a text"),
    ],
)
def test_a_bad_file_is_refused_in_one_line_naming_file_and_entry(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(HaochapingError) as error:
        district(tmp_path, text)
    message = str(error.value)
    assert says in message
    assert str(tmp_path / "district.toml") in message
    assert "\n" not in message


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(HaochapingError, match=r"nowhere\.toml: cannot be read"):
        load_lexicon(tmp_path / "nowhere.toml")


def test_the_documents_example_is_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A district's own file, as docs/categories.md shows it, gives what is shown there."""
    document = (Path(__file__).parents[2] / "docs" / "categories.md").read_text(encoding="utf-8")
    blocks = dict(re.findall(r"```(toml|python)\n(.*?)```", document, re.DOTALL))
    (tmp_path / "jinshan.toml").write_text(blocks["toml"], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    example = doctest.DocTestParser().get_doctest(blocks["python"], {}, "docs/categories.md", None, None)
    assert example.examples
    assert doctest.DocTestRunner(verbose=False).run(example).failed == 0


@pytest.mark.timeout(60)
@pytest.mark.parametrize("sign", ["几", "半", "百", "零", "缺", "先", "多", "不", "没", "1", " ", "等1", "一个", "慢,"])
def test_a_text_of_one_sign_costs_no_more_than_its_length(sign: str) -> None:
    """Anybody may send one, and what takes a second for two thousand signs would take minutes here."""
    LEXICON.classify(None, sign * (60_000 // len(sign)))


@pytest.mark.parametrize(
    "comment", ["座机021-57921234", "我的座机57921234", "联系电话57921234", "电话１３９１２３４５６７８"]
)
def test_how_to_reach_somebody_is_no_complaint(comment: str) -> None:
    assert LEXICON.classify(None, comment) == ()


def test_a_complaint_with_a_telephone_number_is_one() -> None:
    assert LEXICON.classify(None, "排队太久,请回电13912345678") == ("queue",)
