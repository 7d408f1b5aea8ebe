"""However small a publisher made it, no batch takes more memory than is there."""

import sys
from typing import Any

import pytest
from aiokafka.consumer import fetcher
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.structs import TopicPartition

from streams.agents.refusals import LEFT_BEHIND, Reason, Refusals, too_large
from streams.errors import HaochapingError
from streams.metrics import Metrics
from streams.runtime import unpacking
from streams.runtime.producer import Outbox
from streams.runtime.records import take_decoded_records
from streams.runtime.replay import start_consumer
from streams.runtime.unpacking import MOST_UNPACKED, LeftPacked, bound_unpacking
from streams.settings import Settings

GZIP, SNAPPY, LZ4, ZSTD = 1, 2, 3, 4
BOMB = bytes(MOST_UNPACKED)


UNTOUCHED = fetcher.PartitionRecords


@pytest.fixture(autouse=True)
def bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """For this test alone."""
    for name in ("MemoryRecords", "PartitionRecords"):
        monkeypatch.setattr(fetcher, name, getattr(fetcher, name))
    formats = sys.modules[DefaultRecordBatch.__module__]
    for name in ("gzip_decode", "lz4_decode", "zstd_decode"):
        monkeypatch.setattr(formats, name, getattr(formats, name))
    take_decoded_records()
    bound_unpacking()


def batch(offset: int, codec: int, *values: bytes) -> bytes:
    """As it lies in Kafka from this offset on."""
    builder = BatchBuilder(1 << 30, codec)
    for value in values:
        builder.append(timestamp=1, key=b"k", value=value)
    builder.close()
    return offset.to_bytes(8, "big") + bytes(builder._build())[8:]


def read(*batches: bytes, begin: int = 0) -> tuple[list[Any], int]:
    """The records of a fetch, and where the next one begins."""
    fetched = fetcher.MemoryRecords(b"".join(batches))
    records = fetcher.PartitionRecords(TopicPartition("reviews", 0), fetched, [], begin, None, None, True, 1)
    return list(records), records.next_fetch_offset


@pytest.mark.parametrize("codec", [0, GZIP, SNAPPY, LZ4, ZSTD])
def test_what_a_producer_makes_is_read_as_before(codec: int) -> None:
    records, behind = read(batch(7, codec, b"a" * 1000, b"b"), batch(9, codec, b"c"), begin=7)
    assert [(each.offset, each.key, each.value) for each in records] == [
        (7, b"k", b"a" * 1000),
        (8, b"k", b"b"),
        (9, b"k", b"c"),
    ]
    assert behind == 10


@pytest.mark.parametrize("codec", [GZIP, LZ4, ZSTD])
def test_a_batch_that_is_too_much_is_refused_by_name_and_what_is_behind_it_is_read(codec: int) -> None:
    bomb = batch(1, codec, b"first", BOMB)
    assert len(bomb) < 1 << 20
    records, behind = read(batch(0, codec, b"before"), bomb, batch(3, 0, b"behind"))
    assert [(each.offset, bytes(each.value)) for each in records] == [(0, b"before"), (2, b""), (3, b"behind")]
    assert behind == 4
    assert {(each.timestamp, each.timestamp_type) for each in records} == {(1, 0)}, "as Faust is told"
    detail = too_large(records[1])
    assert detail is not None and detail.startswith("a batch, the records 1 to 2, of more than 33554432 bytes")
    out = Outbox({"rejected": 1})
    Refusals("rejected", Metrics(), 1).refuse(out, Reason.TOO_LARGE, detail, "reviews/0/2", None, records[1].value)
    ((key, value, headers, _),) = out.messages["rejected"][0]
    assert (key, value) == (None, None)
    assert dict(headers)["hcp-detail"].decode() == detail + LEFT_BEHIND


def test_a_command_that_takes_records_as_aiokafka_gives_them_reads_on_as_well() -> None:
    fetched = fetcher.MemoryRecords(batch(0, ZSTD, BOMB) + batch(1, 0, b"behind"))
    records = list(UNTOUCHED(TopicPartition("reviews.rejected", 0), fetched, [], 0, None, None, True, 1))
    assert [(each.offset, bytes(each.value)) for each in records] == [(0, b""), (1, b"behind")]


def test_whoever_comes_back_amid_such_a_batch_goes_on_behind_it() -> None:
    records, behind = read(batch(1, ZSTD, b"first", BOMB), batch(3, 0, b"behind"), begin=3)
    assert [each.value for each in records] == [b"behind"]
    assert behind == 4


def test_many_batches_that_are_nearly_too_much_are_read_in_as_many_fetches() -> None:
    half = bytes(MOST_UNPACKED // 2)
    records, behind = read(*(batch(number, ZSTD, half) for number in range(5)))
    assert [each.offset for each in records] == [0, 1]
    assert behind == 2


def test_bytes_that_are_no_compressed_ones_stop_nothing() -> None:
    damaged = bytearray(batch(0, ZSTD, b"a" * 1000))
    damaged[61:65] = b"\0\0\0\0"
    fetched = fetcher.MemoryRecords(bytes(damaged) + batch(1, 0, b"behind"))
    records = list(fetcher.PartitionRecords(TopicPartition("reviews", 0), fetched, [], 0, None, None, False, 1))
    assert [(each.offset, type(each.value)) for each in records] == [(0, LeftPacked), (1, bytes)]


async def test_what_commands_read_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetcher, "MemoryRecords", None)
    with pytest.raises(HaochapingError):
        await start_consumer(Settings(kafka_bootstrap="127.0.0.1:1"))
    assert fetcher.MemoryRecords is unpacking._Records
