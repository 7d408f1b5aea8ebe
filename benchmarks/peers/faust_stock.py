"""Faust as its documentation teaches: an agent, an event a record, `topic.send`.

Counts stay in memory, without a Table's changelog, which would make it several times slower.
"""

import asyncio
import os
import tempfile

import faust
import orjson
import uvloop

from benchmarks.domain import District, cells, count_one, no_counts, validate
from benchmarks.task import Stopwatch, Task


async def main(task: Task) -> None:
    district, counts, watch = District(task.reference), no_counts(), Stopwatch(task)
    app = faust.App(
        task.group,
        broker=f"kafka://{task.bootstrap}",
        datadir=tempfile.mkdtemp(dir=task.report.parent),
        consumer_auto_offset_reset="earliest",
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=False,
        broker_max_poll_records=4000,
        consumer_max_fetch_size=4 << 20,
        stream_buffer_maxsize=16_384,
        producer_acks=-1,
        producer_linger=0.02,
        producer_max_batch_size=512 * 1024,
    )
    source = app.topic(task.source, key_serializer="raw", value_serializer="raw")
    enriched = app.topic(task.enriched, key_serializer="raw", value_serializer="raw")
    bad = app.topic(task.bad, key_serializer="raw", value_serializer="raw")
    done = asyncio.Event()
    read = 0

    @app.agent(source)  # type: ignore[untyped-decorator]
    async def job(stream: faust.Stream) -> None:
        nonlocal read
        async for key, value in stream.items():
            watch.start()
            record = district.enrich(validate(value))
            await enriched.send(key=key, value=orjson.dumps(record))
            if record["bad"]:
                await bad.send(key=key, value=orjson.dumps(record))
            count_one(counts, record)
            read += 1
            if read >= task.records:
                done.set()

    await app.start()
    await done.wait()
    await app.producer.flush()
    await app.consumer.commit()
    watch.stop()
    watch.report(cells(counts))
    await app.stop()


if __name__ == "__main__":
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(main(Task.from_arguments()))
    os._exit(0)
