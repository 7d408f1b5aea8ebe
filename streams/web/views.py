"""`/api/views/{view}`: anybody may ask for all there is, and then not take it. The worker must bear that.

Views are read one after the other, in blocks; an answer is kept as gzip, a tenth of it, until its reader has taken it.
"""

import asyncio
import gzip
import io
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

from aiohttp import hdrs, web

from sinks.base import Sink
from sinks.views import Found, ViewRequestError, read_blocks, to_csv, to_excel_csv, to_json
from streams.errors import HaochapingError
from streams.web.responses import as_json, busy

if TYPE_CHECKING:
    from streams.app import Worker

PARAMETERS = ("day_from", "day_to", "dimension", "member_id", "limit")

#: Rows of an answer, whatever `limit` says.
MOST_ROWS = 1_000_000

#: Reads that may wait for their turn, and for how many seconds: a board asks for six views at once, and hopes for 15 s.
MOST_WAITING = 64
LONGEST_WAIT = 12.0

#: Bytes of answers that wait for their readers. One may take half of what is left, so there is always room for a small
#: one; if no other waits, it may be of any size.
ROOM = 256 << 20

#: Bytes sent at a time, and seconds in which a reader takes them or is cut off.
PIECE = 64 << 10
LONGEST_PIECE = 30.0

_AS_GZIP = zlib.MAX_WBITS | 16  # zlib's way of asking for a gzip header


class Form(NamedTuple):
    """A format of answers."""

    write: Callable[[Iterable[Found]], Iterator[bytes]]
    content_type: str


FORMATS = {
    "json": Form(to_json, "application/json"),
    "csv": Form(to_csv, "text/csv"),
    "excel": Form(to_excel_csv, "text/csv"),
}


class Busy(Exception):
    """Too much is asked at once; the message says of what."""


class Question(NamedTuple):
    """What a request asks for."""

    view: str
    form: Form
    parameters: Mapping[str, str]


class Answer:
    """What a view answers, packed."""

    def __init__(self) -> None:
        self._file = io.BytesIO()
        self._packer = zlib.compressobj(level=1, wbits=_AS_GZIP)
        self.size = self.plain_size = 0  # bytes: packed, and before
        self.truncated = False  # there are more rows
        self.wanted = True

    def add(self, data: bytes) -> None:
        """Pack some more of it."""
        self.size += self._file.write(self._packer.compress(data))
        self.plain_size += len(data)

    def end(self) -> None:
        """That was all."""
        self.size += self._file.write(self._packer.flush())

    def pieces(self, *, plain: bool) -> Iterator[bytes]:
        """PIECE after PIECE of it, as it is or as it was before it was packed."""
        self._file.seek(0)
        source = gzip.GzipFile(fileobj=self._file) if plain else self._file
        while piece := source.read(PIECE):
            yield piece


class Views:
    """Answers for one worker."""

    def __init__(self, worker: "Worker") -> None:
        self._worker = worker
        self._turn = asyncio.Lock()
        self._waiting = 0  # for their turn
        self._held = 0  # bytes that wait for their readers

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """GET /api/views/{view}."""
        try:
            answer = await self._answer(question := _question(request))
        except ViewRequestError as exc:
            return as_json({"error": str(exc)}, 400)
        except Busy as exc:
            return busy(str(exc), LONGEST_WAIT)
        except HaochapingError as exc:
            return as_json({"error": str(exc)}, 503)
        self._held += answer.size
        try:
            return await _send(request, question, answer)
        finally:
            self._held -= answer.size

    async def _answer(self, question: Question) -> Answer:
        """Read the view, in the sink's own thread. Whoever goes away meanwhile is cancelled (handler_cancellation)."""
        if self._waiting >= MOST_WAITING:
            raise Busy(f"{self._waiting} reads wait already: ask again later")
        self._waiting += 1
        try:
            async with asyncio.timeout(LONGEST_WAIT):
                await self._turn.acquire()
        except TimeoutError:
            raise Busy(f"other reads have taken {LONGEST_WAIT:.0f} s: ask again later") from None
        finally:
            self._waiting -= 1
        answer = Answer()
        try:
            await self._worker.sink.read(lambda sink: self._pack(sink, question, answer))
        except asyncio.CancelledError:
            answer.wanted = False
            raise
        finally:
            self._turn.release()
        return answer

    def _pack(self, sink: Sink, question: Question, answer: Answer) -> None:
        # Written here as well: a year of facts takes seconds, in which the event loop would stand still.
        blocks = read_blocks(
            sink, question.view, zone=self._worker.settings.zone, most=MOST_ROWS, **question.parameters
        )

        def noted() -> Iterator[Found]:
            for found in blocks:
                answer.truncated = found.more
                yield found

        with closing(blocks):
            for data in question.form.write(noted()):
                if not answer.wanted:
                    return
                answer.add(data)
                if self._held and answer.size > (ROOM - self._held) / 2:
                    raise Busy("large answers wait for their readers: ask again later, or for fewer rows")
        answer.end()


def _question(request: web.Request) -> Question:
    """What is asked.

    Raises:
        ViewRequestError: it cannot be; of the values of parameters, read_blocks() says more.
    """
    query = dict(request.query)
    if len(request.query) > len(query):
        raise ViewRequestError("a parameter is given twice")
    form = query.pop("format", "json")
    if form not in FORMATS:
        raise ViewRequestError(f"format is one of {', '.join(FORMATS)}, not {form!r}")
    if unknown := query.keys() - set(PARAMETERS):
        raise ViewRequestError(f"unknown parameter {min(unknown)!r}; there are {', '.join(PARAMETERS)}, format")
    return Question(request.match_info["view"], FORMATS[form], query)


async def _send(request: web.Request, question: Question, answer: Answer) -> web.StreamResponse:
    response = web.StreamResponse()
    response.content_type = question.form.content_type
    response.charset = "utf-8"
    if answer.truncated:
        response.headers["Haochaping-Truncated"] = "true"  # limit left rows out
    if question.form is FORMATS["excel"]:
        response.headers[hdrs.CONTENT_DISPOSITION] = f'attachment; filename="{question.view}.csv"'
    plain = "gzip" not in request.headers.get(hdrs.ACCEPT_ENCODING, "").lower()
    if not plain:
        response.headers[hdrs.CONTENT_ENCODING] = "gzip"
    response.content_length = answer.plain_size if plain else answer.size
    try:
        await response.prepare(request)
        if request.method == hdrs.METH_HEAD:
            return response
        for piece in answer.pieces(plain=plain):
            async with asyncio.timeout(LONGEST_PIECE):
                await response.write(piece)
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
    except ConnectionError:
        pass  # it went away
    return response
