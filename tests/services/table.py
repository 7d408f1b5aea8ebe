"""What each fault did, for the table at the end of the suite."""

from dataclasses import dataclass, field


@dataclass
class Fault:
    """One test's fault. It is `done` when the oracle found no difference; one that is not did not hold."""

    name: str
    records: int = 0
    recoveries: list[float] = field(default_factory=list)  # seconds
    held: bool = False
    notes: list[str] = field(default_factory=list)  # printed below the table

    def recovered(self, seconds: float) -> None:
        """Note how long it took after the cause had gone until the workers committed again."""
        self.recoveries.append(seconds)

    def note(self, text: str) -> None:
        """Say something below the table."""
        self.notes.append(text)

    def done(self, records: int) -> None:
        """The results of so many records are the oracle's."""
        self.records = records
        self.held = True

    def row(self) -> tuple[str, str, str, str]:
        """Fault, records, the longest recovery in seconds, differences."""
        longest = f"{max(self.recoveries):.1f}" if self.recoveries else "-"
        return self.name, f"{self.records:,}", longest, "0" if self.held else "see the failure"


HEAD = ("fault", "records", "recovery (s)", "differences")


def table(faults: list[Fault]) -> list[str]:
    """The table as Markdown."""
    rows = [HEAD, *(fault.row() for fault in faults)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]

    def line(row: tuple[str, ...]) -> str:
        return f"| {' | '.join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])])} |"

    rule = f"| {'-' * widths[0]} | {' | '.join('-' * (width - 1) + ':' for width in widths[1:])} |"
    return [line(HEAD), rule, *(line(row) for row in rows[1:])]
