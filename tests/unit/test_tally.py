"""What a review counts as in its daily cells (CONTRACT §5, bi_daily)."""

from streams.rules import tally


def test_a_review_is_commented_if_somebody_wrote_something() -> None:
    comments = ["等了很久", "", None]
    flags = [False] * len(comments)
    reviews = {
        "rating": [3] * len(comments),
        "bad": flags,
        "three_match": flags,
        "hidden_negative": flags,
        "comment": comments,
    }
    counted = tally.unpack_all([tally.pack(sum(tally.units(reviews)))])
    assert {name: list(values) for name, values in counted.items() if any(values)} == {
        "reviews": [3],
        "rating_3": [3],
        "commented": [1],
    }
