"""Apache Kafka, really: jars from Maven Central, KRaft, on this machine's loopback."""

import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.house import free_port, until
from tests.once import one_at_a_time

CACHE = Path(os.environ.get("HAOCHAPING_TEST_CACHE", Path(__file__).parents[2] / ".cache")) / "kafka"
POM = Path(__file__).with_name("pom.xml")

PROPERTIES = """\
process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
listeners=PLAINTEXT://127.0.0.1:{port},FAR://127.0.0.1:{far},SECURE://127.0.0.1:{secure},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},FAR://127.0.0.1:{proxy},SECURE://127.0.0.1:{secure}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,FAR:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:{protocol}
inter.broker.listener.name=PLAINTEXT
log.dirs={folder}/logs
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
offsets.topic.num.partitions=4
offsets.topic.replication.factor={replication}
transaction.state.log.replication.factor={replication}
transaction.state.log.min.isr=1
min.insync.replicas={min_isr}
"""


def jars() -> Path:
    """The folder with Kafka's jars, fetched once for each list of them."""
    folder, complete = CACHE / "jars", CACHE / "complete"
    with one_at_a_time(CACHE):
        if not complete.exists() or complete.read_text() != POM.read_text():
            subprocess.run(
                ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={folder}"],
                check=True,
            )
            complete.write_text(POM.read_text())
    return folder


@dataclass
class Broker:
    """One Kafka node: broker and controller in one.

    Whoever comes by the port `far` is told to come by the port `proxy` from then on: a test may put a proxy there.
    """

    node: int
    folder: Path
    port: int = field(default_factory=free_port)
    far: int = field(default_factory=free_port)
    proxy: int = field(default_factory=free_port)
    secure: int = field(default_factory=free_port)
    controller: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def run(self, *arguments: str) -> list[str]:
        return ["java", "-Xmx512m", "-Xms256m", "-cp", f"{jars()}/*", *arguments]

    def start(self) -> None:
        log = (self.folder / "kafka.log").open("ab")
        self.process = subprocess.Popen(
            self.run("kafka.Kafka", str(self.folder / "server.properties")), stdout=log, stderr=log
        )

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()


@dataclass
class Cluster:
    """One or three nodes."""

    brokers: list[Broker] = field(default_factory=list)

    @property
    def bootstrap(self) -> str:
        return ",".join(f"127.0.0.1:{broker.port}" for broker in self.brokers)

    def wait(self) -> None:
        """Until the cluster answers."""
        import asyncio

        from aiokafka.admin import AIOKafkaAdminClient
        from aiokafka.errors import KafkaError

        async def answers() -> bool:
            admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap, request_timeout_ms=3000)
            try:
                await admin.start()
                return len((await admin.describe_cluster())["brokers"]) >= len(self.brokers)
            except (KafkaError, OSError):
                return False
            finally:
                await admin.close()

        until("Kafka answers", lambda: asyncio.run(answers()), 90)

    def stop(self) -> None:
        """End all of it. A quorum in good order would wait for those that stopped first: nobody needs it any more."""
        for broker in self.brokers:
            if broker.process is not None and broker.process.poll() is None:
                broker.kill()


def start_cluster(folder: Path, nodes: int = 1, listener: str = "", *format: str) -> Cluster:
    """Format and start a cluster of this many nodes, and wait for it.

    Args:
        folder: Where its files go.
        nodes: One or three.
        listener: Properties of one more listener, SECURE, at the port `secure`.
        format: More arguments of the storage tool.
    """
    brokers = [Broker(node, folder / f"node-{node}") for node in range(1, nodes + 1)]
    voters = ",".join(f"{broker.node}@127.0.0.1:{broker.controller}" for broker in brokers)
    for broker in brokers:
        broker.folder.mkdir(parents=True)
        (broker.folder / "server.properties").write_text(
            PROPERTIES.format(
                node=broker.node,
                voters=voters,
                port=broker.port,
                far=broker.far,
                proxy=broker.proxy,
                secure=broker.secure,
                protocol="SASL_SSL" if listener else "PLAINTEXT",
                controller=broker.controller,
                folder=broker.folder,
                replication=min(3, nodes),
                min_isr=2 if nodes > 1 else 1,
            )
            + listener
        )
        subprocess.run(
            broker.run(
                "kafka.tools.StorageTool",
                "format",
                "-t",
                "MkU3OEVBNTcwNTJENDM2Qg",
                "-c",
                str(broker.folder / "server.properties"),
                *format,
            ),
            check=True,
            capture_output=True,
        )
        broker.start()
    cluster = Cluster(brokers)
    started = time.monotonic()
    cluster.wait()
    print(f"Kafka with {nodes} node(s) in {time.monotonic() - started:.1f} s")
    return cluster
