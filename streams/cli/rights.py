"""Topics as a log-in sees them that may use few: only those a command is about are asked for."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    for_code,
)
from aiokafka.protocol.metadata import MetadataRequest

from streams.errors import HaochapingError
from streams.runtime.admin import admin_client
from streams.settings import Settings

#: The second: a producer asks for its number first, which is given to those who may write to any topic.
_REFUSED = (TopicAuthorizationFailedError, ClusterAuthorizationFailedError)


async def partitions_of(settings: Settings, right: str, names: Iterable[str]) -> dict[str, int]:
    """The partition count of each of these topics; `right` is what is wanted of them: "read", "write to".

    Raises:
        HaochapingError: no broker answers, a topic does not exist, or the log-in has no right on it.
    """
    async with admin_client(settings) as admin:
        # Not describe_topics(): where the broker makes topics by itself, to ask for one would make it.
        request = MetadataRequest(sorted(names), allow_auto_topic_creation=False)
        topics = (await admin._send_request(request)).to_object()["topics"]
        for topic in topics:
            error, name = for_code(topic["error_code"]), topic["topic"]
            if error is TopicAuthorizationFailedError:
                raise _may_not(settings, right, name)
            if error is UnknownTopicOrPartitionError:
                raise HaochapingError(f"the topic {name} does not exist: run `haochaping topics`")
            if topic["error_code"]:
                raise error(name)
    return {topic["topic"]: len(topic["partitions"]) for topic in topics}


@contextmanager
def needs(settings: Settings, right: str, *names: str) -> Iterator[None]:
    """What the broker forbids within the block is said as that.

    Raises:
        HaochapingError: the log-in may not do it.
    """
    try:
        yield
    except Exception as exc:
        if isinstance(exc, _REFUSED) or isinstance(exc.__cause__, _REFUSED):
            raise _may_not(settings, right, " or ".join(names)) from exc
        raise


def _may_not(settings: Settings, right: str, name: str) -> HaochapingError:
    who = f"the log-in {settings.kafka_username}" if settings.kafka_username else "who comes without a log-in"
    return HaochapingError(
        f"{who} may not {right} the topic {name}: whoever runs the broker grants it (docs/operations.md, Secure)"
    )
