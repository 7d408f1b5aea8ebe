from hypothesis import given
from hypothesis import strategies as st

from streams.rules.admission import Verdict, judge, offset_of, remember

contents = st.binary(min_size=8, max_size=8)
offsets = st.integers(0, 2**63 - 1)


@given(offsets, contents)
def test_the_same_record_read_again_is_again(offset: int, content: bytes) -> None:
    assert judge(remember(offset, content), offset, content) is Verdict.AGAIN


@given(offsets, offsets, contents, contents)
def test_another_offset_is_a_duplicate_or_a_conflict(first: int, other: int, content: bytes, changed: bytes) -> None:
    seen = remember(first, content)
    assert offset_of(seen) == first
    if other != first:
        assert judge(seen, other, content) is Verdict.DUPLICATE
        expected = Verdict.DUPLICATE if changed == content else Verdict.CONFLICT
        assert judge(seen, other, changed) is expected


@given(offsets, contents, st.integers(0, 63))
def test_content_that_differs_in_a_single_bit_is_a_conflict(offset: int, content: bytes, bit: int) -> None:
    changed = (int.from_bytes(content, "big") ^ 1 << bit).to_bytes(8, "big")
    assert judge(remember(offset, content), offset + 1, changed) is Verdict.CONFLICT
