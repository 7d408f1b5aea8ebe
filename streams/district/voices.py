"""What people write and tick. No names, no numbers: nobody here is a person."""

PRAISE = (
    "办事很快,谢谢", "态度很好", "服务热情,讲解清楚", "不用排队,一会儿就办好了", "很满意", "工作人员很耐心", "一次就办成了", "环境整洁",
    "等了五分钟就办好了", "业务熟练,点赞", "好", "非常方便", "材料一次说清,省心", "比以前方便多了",
)  # fmt: skip

PRAISE_TAGS = ("态度好", "效率高", "业务熟练", "环境好", "一次办好", "指引清楚")

#: Category → (tags, comments) of complaints. Every one of them names its category and no other.
COMPLAINTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "attitude": (("态度差",), ("工作人员态度很差", "说话很不耐烦", "服务态度非常不好!需加大力度改正")),
    "obstruct": (("刁难推诿",), ("故意刁难人", "互相推诿,踢皮球")),
    "unskilled": (("业务不熟",), ("业务不熟练,问什么都不知道",)),
    "slow": (("效率差",), ("办理速度太慢了", "办事效率低")),
    "queue": (("排队时间长",), ("排队时间太长", "排队等了一个多小时")),
    "calling": (("叫号不合理",), ("叫号不合理,后来的先办",)),
    "understaffed": (("人员不足",), ("窗口开得太少", "只开了两个窗口,人员不足")),
    "not_informed": (("告知不清",), ("事先没有告知清楚要带什么",)),
    "repeat_visit": (("多次跑",), ("跑了三趟才办好",)),
    "materials": (("材料繁多",), ("要的材料太多了",)),
    "system": (("系统故障",), ("系统故障,办不了", "网站老是打不开")),
    "facility": (("环境设施",), ("大厅空调坏了,太热", "停车位太少")),
    "fees": (("乱收费",), ("收费不合理",)),
    "experience": (("体验差",), ("体验很差",)),
}

#: What a district without stories complains about, with weights: conduct of staff leads, as in Shanghai's trial (2019).
#: slow, queue and calling are left to the stories: they are 11 % of all bad reviews.
KINDS = {
    "attitude": 24, "obstruct": 6, "unskilled": 8, "not_informed": 12, "repeat_visit": 10, "materials": 12, "system": 14,
    "facility": 8, "fees": 3, "experience": 3,
}  # fmt: skip
