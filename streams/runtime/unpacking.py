"""Batches that a publisher compressed, unpacked to a bounded size.

Ten kilobytes of zstd may be 300 megabytes, of which a worker holds several copies: it ends for want of memory, and so
does each that takes its place. A batch larger than any that a producer makes is left packed: one record stands for all
of it, and is refused by name (agents/refusals.py). Snappy never makes more than 21 bytes of one.
"""

import mmap
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import cramjam
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.legacy_records import LegacyRecordBatch

#: Bytes of a batch when it is unpacked. One fetch of a partition ends with the batch by which it has as many: what is
#: behind it is fetched again.
MOST_UNPACKED = 32 << 20


class LeftPacked(bytes):
    """The value of a record that stands for a batch: nothing, and why."""

    why: str

    def __new__(cls, why: str) -> "LeftPacked":
        value = super().__new__(cls)
        value.why = why
        return value


class _CannotUnpack(Exception):
    """It is too much, or no such bytes at all."""


@dataclass(frozen=True, slots=True)
class _StandIn:
    """A record as aiokafka decodes one."""

    offset: int
    timestamp: int
    timestamp_type: int
    value: LeftPacked
    key: None = None
    headers: tuple[()] = ()
    checksum: None = None


class _Batch:
    """A compressed batch; with its last offset stands whatever stands for it, so that the next one is read after."""

    def __init__(self, batch: Any, read: Callable[[int], None]) -> None:
        self._batch = batch
        self._read = read

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __iter__(self) -> Iterator[Any]:
        size = 0
        try:
            for record in self._batch:
                size += len(record.key or b"") + len(record.value or b"")
                yield record
        except _CannotUnpack:
            first, last = self._batch.base_offset, self._batch.next_offset - 1
            why = (
                f"a batch, the records {first} to {last}, of more than {MOST_UNPACKED} bytes when unpacked, or damaged"
            )
            yield _StandIn(last, self._batch.max_timestamp, self._batch.timestamp_type, LeftPacked(why))
        self._read(size)


class _Records(fetcher.MemoryRecords):  # type: ignore[misc]
    """What was fetched of a partition, batch by batch."""

    def __init__(self, fetched: bytes) -> None:
        super().__init__(fetched)
        self._room = MOST_UNPACKED

    def has_next(self) -> bool:
        return self._room > 0 and bool(super().has_next())

    def next_batch(self) -> Any:
        batch = super().next_batch()
        return _Batch(batch, self._fill) if batch.compression_type else batch

    def _fill(self, size: int) -> None:
        self._room -= size


def _bounded(unpack_into: Callable[[Any, Any], int]) -> Callable[[Any], bytes]:
    def unpack(packed: Any) -> bytes:
        with mmap.mmap(-1, MOST_UNPACKED) as room:  # of which only what is written takes memory
            try:
                return room[: unpack_into(packed, room)]
            except cramjam.DecompressionError:
                raise _CannotUnpack from None

    return unpack


def bound_unpacking() -> None:
    """From now on no aiokafka consumer of this process unpacks more of a batch than MOST_UNPACKED."""
    for name, codec in (("gzip_decode", cramjam.gzip), ("lz4_decode", cramjam.lz4), ("zstd_decode", cramjam.zstd)):
        for formats in (sys.modules[batch.__module__] for batch in (DefaultRecordBatch, LegacyRecordBatch)):
            if hasattr(formats, name):
                setattr(formats, name, _bounded(codec.decompress_into))
    fetcher.MemoryRecords = _Records
