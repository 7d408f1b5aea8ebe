"""Who rated, without saying who: a keyed hash. Source: CONTRACT §2, `reviewer`."""

import hmac
from collections.abc import Callable

from streams.schemas.review import Reviewer


def pseudonymiser(key: bytes | None) -> Callable[[Reviewer | None], str | None]:
    """A function from a reviewer to a `reviewer_key`: 64 hex digits, the same for the same person.

    The person is known by the strongest thing given: ID number, else phone, else name. Without a key it is always
    None: an unkeyed hash of a phone number can be undone by trying all of them.
    """

    def reviewer_key(reviewer: Reviewer | None) -> str | None:
        if not reviewer or key is None:
            return None
        for field in ("id_no", "phone", "name"):
            value = reviewer.get(field)
            if isinstance(value, str) and value:
                return hmac.digest(key, f"{field}:{value}".encode(), "sha256").hex()
        return None

    return reviewer_key
