"""The whole house, as a stranger runs it: a broker, worker processes, and what can be seen of them from outside."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from streams.cli.publishing import KEYS
from streams.runtime.admin import partition_counts

#: Seconds a test waits for something that should come at once.
PATIENCE = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(what: str, check: Any, patience: float = PATIENCE) -> Any:
    """Wait until `check()` gives something true, and return that."""
    deadline = time.monotonic() + patience
    while True:
        if found := check():
            return found
        assert time.monotonic() < deadline, f"not within {patience:.0f} s: {what}"
        time.sleep(0.05)


@dataclass
class WorkerProcess:
    """One `haochaping worker`."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body of a GET; 0 while nothing listens."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=60) as response:  # a year of facts: 5 s
                return response.status, response.read()
        except urllib.error.HTTPError as exc:
            return exc.code, exc.read()
        except OSError:
            return 0, b""

    def json(self, path: str) -> Any:
        status, body = self.get(path)
        return orjson.loads(body) if status else None

    def state(self) -> dict[str, Any]:
        assert self.process.poll() is None, f"the worker ended: {self.tail()}"
        return self.json("/readyz") or {}

    def view(self, name: str, **parameters: Any) -> list[dict[str, Any]]:
        query = "&".join(f"{key}={value}" for key, value in {"limit": 1_000_000, **parameters}.items())
        status, body = self.get(f"/api/views/{name}?{query}")
        assert status == 200, body
        return orjson.loads(body)

    def metrics(self) -> dict[str, float]:
        """Every sample of /metrics: `name{labels}` → value."""
        lines = self.get("/metrics")[1].decode().splitlines()
        return {name: float(value) for name, value in (x.rsplit(" ", 1) for x in lines if not x.startswith("#"))}

    def lags(self) -> dict[str, float]:
        """The lag of each partition it has."""
        return {name: lag for name, lag in self.metrics().items() if name.startswith("haochaping_consumer_lag")}

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def said(self) -> str:
        """All that the worker logged: a message may be far from the end, with an exception's traceback behind it."""
        return self.log.read_text(errors="replace")

    def tail(self) -> str:
        return self.said()[-3000:]


@dataclass
class House:
    """A district of its own on a shared broker: its topics have a prefix, its database a folder."""

    bootstrap: str
    prefix: str
    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    workers: list[WorkerProcess] = field(default_factory=list)
    published: dict[tuple[str, int], int] = field(default_factory=dict)  # (topic, partition) → offset behind the last

    def environment(self, **settings: str) -> dict[str, str]:
        own = {
            "HCP_KAFKA_BOOTSTRAP": self.bootstrap,
            "HCP_TOPIC_PREFIX": self.prefix,
            "HCP_DATA_DIR": str(self.folder),
            "HCP_SESSION_TIMEOUT": "2",
        }
        clean = {name: value for name, value in os.environ.items() if not name.startswith("HCP_")}
        return {**clean, **own, **self.settings, **settings}

    def command(self, *arguments: str, stdin: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
        """Run `haochaping …` to its end."""
        return subprocess.run(
            [sys.executable, "-m", "streams", *arguments],
            env=self.environment(**settings),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def start(self, *, wait: bool = True, **settings: str) -> WorkerProcess:
        """Start a worker and wait until it is ready."""
        port = free_port()
        log = self.folder / f"worker-{len(self.workers)}.log"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", "streams", "worker"],
                env=self.environment(HCP_HTTP_PORT=str(port), **settings),
                stdout=stream,
                stderr=stream,
            )
        worker = WorkerProcess(process, f"http://127.0.0.1:{port}", log)
        self.workers.append(worker)
        if wait:
            until("the worker is ready", lambda: worker.state().get("ready"), 120)  # beside other brokers, perhaps
        return worker

    def settle(self, worker: WorkerProcess) -> None:
        """Wait until everything published is processed, and what followed from it in time is announced."""
        time.sleep(1)  # idle may still be what the worker was before the last records reached it
        until("what was published is committed", self._committed, 120)
        until("the worker is idle", lambda: worker.state().get("idle"), 120)

    def publish(
        self,
        topic: str,
        records: Iterable[Mapping[str, Any] | bytes],
        keys: list[bytes] | None = None,
        at: datetime | None = None,
    ) -> None:
        """Send records (dicts, or bytes as they stand) in order, keyed by their ids unless keys are given.

        Kafka is told that they were published `at` that instant; now, unless given.
        """
        entries: list[tuple[str, bytes | None, Mapping[str, Any] | bytes]] = []
        for number, record in enumerate(records):
            key = record[KEYS[topic]].encode() if isinstance(record, Mapping) else None
            entries.append((topic, keys[number] if keys else key, record))
        self.publish_all(entries, at=at)

    def publish_all(
        self,
        entries: Iterable[tuple[str, bytes | None, Mapping[str, Any] | bytes]],
        seconds: float = 0,
        at: datetime | None = None,
    ) -> None:
        """Send (topic, key, record), spread evenly over so many seconds. A broker that is away is waited for."""
        asyncio.run(self._publish(list(entries), seconds, at and int(at.timestamp() * 1000)))

    async def _publish(
        self,
        entries: Sequence[tuple[str, bytes | None, Mapping[str, Any] | bytes]],
        seconds: float,
        timestamp_ms: int | None,
    ) -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=self.bootstrap,
            acks="all",
            max_request_size=4 << 20,
            linger_ms=20,
            request_timeout_ms=240_000,
        )
        await producer.start()
        try:
            started, acks = time.monotonic(), []
            for number, (topic, key, record) in enumerate(entries):
                if seconds and number % 50 == 0:
                    await asyncio.sleep(max(0.0, started + seconds * number / len(entries) - time.monotonic()))
                value = record if isinstance(record, bytes) else orjson.dumps(record)
                acks.append(await producer.send(self.prefix + topic, value, key=key, timestamp_ms=timestamp_ms))
            await producer.flush()
            for ack in acks:  # one that failed must not be missing in silence
                at = await ack
                place = at.topic, at.partition
                self.published[place] = max(self.published.get(place, 0), at.offset + 1)
        finally:
            await producer.stop()

    def _committed(self) -> bool:
        """Whether the workers have got to the end of what this house published; more than a worker's word for it."""
        done = {topic: self.progress(topic) for topic in ("reviews", "cases.events")}
        return all(
            done[topic].get(partition, (0, 0))[0] >= end
            for (full, partition), end in self.published.items()
            if (topic := full.removeprefix(self.prefix)) in done
        )

    def progress(self, topic: str) -> dict[int, tuple[int, int]]:
        """Of each partition, what the workers have committed and where it ends; empty while no broker answers."""
        return asyncio.run(self._progress(self.prefix + topic))

    async def _progress(self, topic: str) -> dict[int, tuple[int, int]]:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap, request_timeout_ms=5000)
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap,
            group_id=f"{self.prefix}haochaping",  # it subscribes to nothing, so the group is not joined
            enable_auto_commit=False,
            request_timeout_ms=5000,
        )
        try:
            async with asyncio.timeout(10):
                await admin.start()
                await consumer.start()
                count = (await partition_counts(admin, [topic])).get(topic, 0)
                partitions = [TopicPartition(topic, number) for number in range(count)]
                ends = await consumer.end_offsets(partitions)
                return {each.partition: (await consumer.committed(each) or 0, end) for each, end in ends.items()}
        except (KafkaError, OSError):
            return {}
        finally:
            await admin.close()
            await consumer.stop()

    def read(self, topic: str) -> list[Any]:
        """Every record of a topic, as aiokafka gives them."""
        return asyncio.run(self._read(self.prefix + topic))

    async def _read(self, topic: str) -> list[Any]:
        # Without a group it is given every partition.
        consumer = AIOKafkaConsumer(topic, bootstrap_servers=self.bootstrap, auto_offset_reset="earliest")
        await consumer.start()
        try:
            partitions = sorted(consumer.assignment())
            ends = await consumer.end_offsets(partitions)
            records: list[Any] = []
            while any([await consumer.position(each) < ends[each] for each in partitions]):
                for batch in (await consumer.getmany(timeout_ms=300)).values():
                    records += batch
            return records
        finally:
            await consumer.stop()

    def latest(self, topic: str) -> dict[str, dict[str, Any]]:
        """A compacted topic as a table: key → last value."""
        return {record.key.decode(): orjson.loads(record.value) for record in self.read(topic)}

    def newest(self, topic: str) -> dict[str, dict[str, Any]]:
        """Cases or alerts as their readers are told to read them: key → value of the highest version, the last of them.

        A worker that was cut off may append old ones when it comes back (docs/guarantees.md).
        """
        found: dict[str, dict[str, Any]] = {}
        for record in self.read(topic):
            key, value = record.key.decode(), orjson.loads(record.value)
            if key not in found or value["version"] >= found[key]["version"]:
                found[key] = value
        return found

    def rejected(self) -> list[tuple[dict[str, str], bytes | None, bytes | None]]:
        """Refused records: headers, key, value."""
        return [
            ({name: value.decode() for name, value in record.headers}, record.key, record.value)
            for record in self.read("reviews.rejected")
        ]


@contextmanager
def house(bootstrap: str, prefix: str, folder: Path, **settings: str) -> Iterator[House]:
    """A house whose processes end with the block."""
    made = House(bootstrap, prefix, folder, settings)
    try:
        yield made
    finally:
        for worker in made.workers:
            if worker.process.poll() is None:
                worker.kill()
