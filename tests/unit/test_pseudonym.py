"""Who rated, under a key that only the district has (CONTRACT §2, `reviewer`)."""

import hashlib
import hmac

import pytest

from streams.rules.pseudonym import pseudonymiser
from streams.schemas.review import Reviewer

KEY = b"a key of the district's own"
NAME, PHONE, ID_NO = "王小明", "13800000000", "310228199001011234"


def key_of(reviewer: Reviewer) -> str | None:
    return pseudonymiser(KEY)(reviewer)


def test_a_person_is_known_by_the_id_number_else_the_phone_else_the_name() -> None:
    keys = id_no, phone, name = key_of({"id_no": ID_NO}), key_of({"phone": PHONE}), key_of({"name": NAME})
    assert len(set(keys)) == 3
    assert key_of({"name": NAME, "phone": PHONE, "id_no": ID_NO}) == id_no
    assert key_of({"name": NAME, "phone": PHONE}) == phone
    assert key_of({"name": NAME, "phone": None, "id_no": ""}) == name


@pytest.mark.parametrize(
    ("reviewer", "said"),
    [
        ({"id_no": ID_NO}, f"id_no:{ID_NO}"),
        ({"phone": PHONE}, f"phone:{PHONE}"),
        ({"name": NAME}, f"name:{NAME}"),
        ({"name": PHONE}, f"name:{PHONE}"),  # what somebody wrote for a name is not that telephone's owner
    ],
)
def test_it_is_an_hmac_of_that_and_its_kind_the_same_for_ever(reviewer: Reviewer, said: str) -> None:
    """With another key, or another way to make it, every earlier review that is sent again would be a conflict."""
    assert key_of(reviewer) == hmac.new(KEY, said.encode(), hashlib.sha256).hexdigest()


def test_who_cannot_be_known_has_none_and_without_a_key_nobody_has() -> None:
    assert pseudonymiser(None)({"id_no": ID_NO}) is None
    assert pseudonymiser(KEY)(None) is None
    assert key_of({}) is key_of({"name": "", "phone": None}) is None
