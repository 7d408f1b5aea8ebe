"""Fixtures: one embedded broker for the whole run, a house of its own for each test that wants one."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from streams.runtime.embedded_broker import start_broker
from tests.house import House, free_port, house
from tests.services.table import Fault, table

_numbers = itertools.count()

# How long an example takes says how busy the machine is, not whether a rule is kept.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.fixture(scope="session")
def embedded_broker() -> Iterator[str]:
    port = free_port()
    process = start_broker(port)
    yield f"127.0.0.1:{port}"
    process.terminate()
    process.wait()


@pytest.fixture
def new_house(embedded_broker: str, tmp_path: Path) -> Iterator[Callable[..., House]]:
    """Makes houses on the embedded broker; settings are given as keyword arguments."""
    with ExitStack() as stack:

        def make(**settings: str) -> House:
            number = next(_numbers)
            folder = tmp_path / str(number)
            folder.mkdir()
            return stack.enter_context(house(embedded_broker, f"t{number}.", folder, **settings))

        yield make


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table of faults. Here, since the process that prints need not be one that runs the services' tests."""
    reports = [report for of_status in terminalreporter.stats.values() for report in of_status]
    ended = [report for report in reports if getattr(report, "when", None) == "teardown"]
    if faults := [Fault(**told) for report in ended for name, told in report.user_properties if name == "fault"]:
        terminalreporter.section("faults")
        for line in [*table(faults), *(note for fault in faults for note in fault.notes)]:
            terminalreporter.write_line(line)
