"""Pages from elsewhere that read here through a browser on this machine.

Whoever owns a name may let it lead to 127.0.0.1 (DNS rebinding). To the browser that opened a page of theirs at our
port, the page is then of this very server and may read all it says. It asks under its own name, though, and names our
port: a proxy before us is asked at a port of its own.
"""

import re

#: A name with dots, which anybody may own: not w1, localhost or [::1], nor 127.0.0.1, whose last part is a number.
_OWNABLE = re.compile(r"[^:\[\]]+\.[^.:\[\]]*[a-z][^.:\[\]]*\.?", re.IGNORECASE)
#: Names that lead to this machine wherever they are asked for.
_OURS = re.compile(r"(?:.+\.)?localhost\.?|localhost\.localdomain", re.IGNORECASE)


def is_lured(host: str, port: int) -> bool:
    """Whether a request's `Host` is a name that somebody may own, at `port`, where we listen on this machine alone."""
    name, _, asked = host.rpartition(":")
    return asked == str(port) and _OWNABLE.fullmatch(name) is not None and _OURS.fullmatch(name) is None
