"""Regular expressions whose sets of a few signs stay small.

`re` makes a bitmap of [很太真], 300 bytes and more each time. In thousands of Chinese patterns these were two thirds of
what was compiled: too much for the processor's cache, and half of the time it took to compile.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from re import _compiler as compiler  # type: ignore[attr-defined]
from re import _constants as constants  # type: ignore[attr-defined]
from typing import Any

#: A list is searched sign by sign.
LARGEST = 32

_PLAIN = (constants.LITERAL, constants.RANGE, constants.NEGATE)


@contextmanager
def small_sets() -> Iterator[None]:
    """What is compiled meanwhile keeps sets of up to LARGEST signs as lists, as `re` keeps those of one or two."""
    optimize = compiler._optimize_charset

    def keep(charset: Any, iscased: Any = None, fixup: Any = None, fixes: Any = None) -> Any:
        if fixup is None and len(charset) <= LARGEST and all(kind in _PLAIN for kind, _ in charset):
            return charset, False
        return optimize(charset, iscased, fixup, fixes)

    compiler._optimize_charset = keep
    try:
        yield
    finally:
        compiler._optimize_charset = optimize
