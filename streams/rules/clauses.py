"""What a text complains about: reading it clause by clause. Source: CONTRACT §3, Categories; DOMAIN, stories 1 to 3.

    态度不错 , 但是 排队 太久            没有 刁难 、 推诿
    ──┬─ ┬─    ──┬─ ──┬─ ─┬─            ──┬─ ─┬─    ─┬─
    about good  contrast about bad       never says   says: denied, too
                         └──┬──┘
                         queue

1. The vocabulary's words are found in the text, left to right.
2. A judging word looks for the aspect it is about: before it in its clause, right behind it, or in the clause before,
   if that left one unjudged (“窗口的态度,真的很差”).
3. What is bad, or good and denied, or asked for in a wish, is a complaint. Without an aspect a word says what it
   says alone (刁难).
4. What is weak counts only in a text that praises nothing, or behind the 但是 that praise is followed by; what is vague
   only where nothing else was named.
5. What is good, or bad and denied, clears its category: likeness.py asks for more before it complains of that.
"""

from typing import NamedTuple

from streams.rules.vocabulary import Part, Token, Vocabulary, Word

#: 不 denies what begins at most so many characters behind it: 不是很好, 没人跟我说; what complains by itself nearer:
#: 没刁难, but 不合格让我回去重拍.
_REACH, _REACH_SAYS = 4, 1
#: 没有刁难推诿: what follows so close on something denied is denied with it; farther with 、 or 和 between.
_LISTED, _LISTED_APART = 2, 6
_DENYING = frozenset("不没未无")
_AND = frozenset("、和与或及")
#: An aspect follows the word that judges it: 这么差的态度; farther off in a wish: 增加一些自助叫号屏.
_BEHIND, _ASKED_BEHIND = 3, 8
_WORDS_ON = 20  # words of a clause behind one that are looked at
#: A good word in a form of asking for more: 快点, 清楚一些; but not 快点了, 很快点赞.
_SOFTENED = ("点", "些", "一点", "一些", "一下")
#: A clause that begins so goes on with the wish of the one before.
_GOING_ON = frozenset("让把能多少并周中")


class Said(NamedTuple):
    """Categories as bits."""

    complained: int
    cleared: int  # spoken well of, and not complained about: 排队时间不长


def said(text: str, vocabulary: Vocabulary) -> Said:
    """What a text (normalised) says for and against each category."""
    tokens = vocabulary.find(text)
    about = bad = good = 0
    for _, _, word in tokens:
        if word.alarms:
            return _Reading(text, tokens, vocabulary).result()
        about |= word.about
        bad |= word.bad
        good |= word.good
    if about & bad:
        return _Reading(text, tokens, vocabulary).result()
    praised, weak = vocabulary.categories_of(about & good)
    return Said(0, praised | weak)  # 99 of 100 comments: praise, or 无


class _Reading:
    """One text being read; the fields are what the words so far say about the next one."""

    __slots__ = (
        "_asked", "_carried", "_categories_of", "_cleared", "_contrasted", "_denied", "_found", "_last", "_near",
        "_never", "_past", "_praised", "_seen", "_spared", "_spent", "_text", "_tokens", "_vague", "_weak", "_wish",
        "_wished_here",
    )  # fmt: skip

    def __init__(self, text: str, tokens: list[Token], vocabulary: Vocabulary) -> None:
        self._text = text
        self._tokens = tokens
        self._categories_of = vocabulary.categories_of
        self._found = self._weak = self._vague = self._cleared = 0
        self._praised = False
        self._begin_sentence()

    def _begin_sentence(self) -> None:
        self._past = False  # 以前, 本以为
        self._contrasted = False  # 满意,但是…: praise said, and what is said against it follows
        self._wish = False
        self._seen: list[Token] = []
        self._spent: list[Token] = []
        self._begin_clause()
        self._carried: list[Token] = []

    def _begin_clause(self) -> None:
        if self._seen or self._spent:
            self._carried = self._seen
        self._seen = []  # aspects nothing was said of yet
        self._spent = []  # aspects judged already: 效率低还慢
        self._near: list[int] = []  # where each 不 ended
        self._never = 0  # how many 没有
        self._denied = -_LISTED_APART - 1  # where the last thing a 没有 denied ended
        self._last: Token | None = None  # the last thing good in itself, for a 都没有 behind it
        self._spared = False  # by a 不用
        self._wished_here = False
        self._asked = 0  # what is a complaint if 就更好了 follows

    def result(self) -> Said:
        for at, token in enumerate(self._tokens):
            start, _, word = token
            if word.judges and not (word.part and self._only_denies(at)):
                self._judge(at, token)
            elif word.part:
                self._turn(token, word.part)
            if word.about:
                if self._near:
                    # 不排队还态度差: 不 denies what stands right behind it, not what is said of that.
                    self._near = [end for end in self._near if end == start]
                self._seen.append(token)
        if not self._praised:
            self._found |= self._weak
            self._found |= 0 if self._found else self._vague
        return Said(self._found, self._cleared & ~self._found)

    def _turn(self, token: Token, part: Part) -> None:
        """A word that changes the sense of others; the commonest first."""
        match part:
            case Part.COMMA:
                self._begin_clause()
                # 建议优化流程,让群众少跑腿: the wish goes on.
                self._wished_here = self._wish and self._text[token[1] : token[1] + 1] in _GOING_ON
            case Part.BARRIER:
                self._near.clear()
                self._never = 0
                self._spared = False
            case Part.STOP:
                self._begin_sentence()
            case Part.NOT:
                self._near.append(token[1])
            case Part.NEUTRAL:
                pass
            case Part.CONTRAST:
                self._past = False
                self._contrasted = self._praised
                self._begin_clause()
            case Part.NEVER:
                self._never += 1
            case Part.NEEDLESS:
                self._spared = True
            case Part.NONE:
                self._deny_last(token)
            case Part.WISH:
                self._wish = self._wished_here = True
            case Part.NEED:
                self._wish = True
            case Part.WISHED:
                self._found |= self._asked
            case Part.KEEP:
                self._wish = self._wished_here = False
            case Part.PAST:
                self._past = True
            case Part.NOW:
                self._past = False
                self._never = 0

    def _judge(self, at: int, token: Token) -> None:
        """A word that is bad or good, of an aspect or by itself."""
        start, end, word = token
        about = self._aspect(at, word) if word.by_rules else 0
        denied = (
            (bool(self._near) or self._never > 0 or start - self._denied <= _LISTED_APART)  # else nothing denies
            and (word.alone or about & (word.bad | word.good) != 0)
            and self._is_denied(token)
        )
        if about:
            wrong = about & (word.good if denied else word.bad)
            if self._wished_here:
                wrong |= about & word.bad  # 希望不要再排那么久
            if wrong:
                self._complain(*self._categories_of(wrong))
            elif denied:
                self._complain(word.lacks)  # 指南没有更新
            cleared = about & (word.bad if denied else word.good)
            if cleared:
                self._clear(*self._categories_of(cleared))
            asked = about & (word.asked | (word.good if self._asks_for_more(end) or self._is_wished(at, token) else 0))
            if asked:
                self._ask(self._categories_of(asked)[0])
        elif denied:
            self._complain(word.lacks | (word.says if self._wished_here else 0))
            self._clear(word.says)
        elif word.alone:
            self._complain(word.says, word.weak, word.vague)
            if word.lacks:
                self._ask(word.lacks, self._wished_here)  # 希望提前告知
                self._clear(word.lacks)
        if word.praises and not denied and not self._past:
            self._praised = True
        if word.lacks:
            self._last = token

    def _complain(self, found: int, weak: int = 0, vague: int = 0) -> None:
        if self._past or (self._spared and not self._wished_here):
            return
        self._found |= found | weak if self._contrasted else found
        self._weak |= weak
        self._vague |= vague

    def _clear(self, categories: int, weak: int = 0) -> None:
        if not self._past and not self._wished_here:
            self._cleared |= categories | weak

    def _ask(self, categories: int, wished: bool | None = None) -> None:
        """A complaint if the sentence wishes, or a 就更好了 follows."""
        if self._past:
            return
        if self._wish if wished is None else wished:
            self._found |= categories
        self._asked |= categories

    def _asks_for_more(self, end: int) -> bool:
        rest = self._text[end : end + 3]
        return rest.startswith(_SOFTENED) and "了" not in rest and "赞" not in rest

    def _is_wished(self, at: int, token: Token) -> bool:
        """Whether a wish is for an aspect to be good (希望系统稳定), and not about what is (希望这样的好服务…)."""
        _, end, word = token
        return (
            self._wished_here and self._text[end : end + 1] != "的" and not self._aspect_behind(at, word.good, _BEHIND)
        )

    # What is denied

    def _is_denied(self, token: Token) -> bool:
        """Whether an odd number of words before deny this one; they are used up by it."""
        start, end, word = token
        if not self._near and not self._never:
            listed = self._is_listed(start, bool(word.says))
            self._denied = end if listed else self._denied
            return listed
        # 材料不齐,不一次说完: what denies by itself is not denied by a 不 that went with another word.
        reach = 0 if self._text[start] in _DENYING else _REACH_SAYS if word.says else _REACH
        denials = self._never + any(start - near <= reach for near in self._near)
        if self._never and denials % 2:
            self._denied = end
        self._near.clear()
        self._never = 0
        return denials % 2 == 1

    def _is_listed(self, start: int, says: bool) -> bool:
        """Whether it goes on a list whose last member was denied: 没有刁难推诿, 没有刁难、排队久."""
        gap = start - self._denied
        if gap <= _LISTED:
            return says
        return gap <= _LISTED_APART and not _AND.isdisjoint(self._text[self._denied : start])

    def _deny_last(self, token: Token) -> None:
        """礼貌都没有: what is good in itself, and denied behind it."""
        if self._last is not None and token[0] - self._last[1] <= _LISTED:
            self._complain(self._last[2].lacks)

    def _only_denies(self, at: int) -> bool:
        """Whether a word that is bad but may deny, too, goes with a word behind it: 不够专业, 没人告诉我."""
        for _, _, word in self._tokens[at + 1 : at + 1 + _WORDS_ON]:
            if word.ends or word.part is Part.BARRIER:
                return False
            if word.alone or word.good:
                return True
        return False

    # What it is about

    def _aspect(self, at: int, word: Word) -> int:
        """The rules under which this word judges an aspect of this clause, or of the one before; 0 for none."""
        rules = word.bad | word.good | word.asked
        about = self._aspect_behind(at, word.asked, _ASKED_BEHIND) if word.asked else 0
        about = about or (self._aspect_before(self._seen, rules, listed=not word.time) if self._seen else 0)
        if about:
            self._spent, self._seen = self._seen, []
            return about
        return (
            self._aspect_behind(at, rules, _BEHIND)
            or (self._aspect_before(self._carried, rules) if self._carried else 0)
            or (self._aspect_before(self._spent, rules) if self._spent else 0)
        )

    def _aspect_before(self, aspects: list[Token], rules: int, listed: bool = True) -> int:
        """The nearest aspect, and those listed together with it: 态度和效率都很差; but 办业务排队两小时."""
        found, next_start = 0, 0
        for start, end, word in reversed(aspects):
            about = word.about & rules
            if found and (not listed or not about or next_start - end > 1):
                break
            found |= about
            next_start = start
        return found

    def _aspect_behind(self, at: int, rules: int, reach: int) -> int:
        tokens = self._tokens
        end = tokens[at][1]
        for start, _, word in tokens[at + 1 : at + 2 + reach]:
            if start - end > reach or word.ends:
                return 0
            if word.about & rules:
                return word.about & rules
        return 0
