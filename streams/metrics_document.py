"""The list of metrics as a document: `python -m streams.metrics_document > docs/metrics.md`."""

from prometheus_client import Info

from streams.metrics import Metrics

DOCUMENT = """\
# Metrics

Made by `python -m streams.metrics_document > docs/metrics.md` from [streams/metrics.py](../streams/metrics.py); a test
compares the two. Each worker serves its own at `/metrics`. Prometheus adds `district` and `instance` to every series.
What the rules make of them is in [deploy/prometheus/rules](../deploy/prometheus/rules), what to do about an alert in
[runbook.md](runbook.md).

Counters count each accepted review once; after a restart a little may be counted again. No label carries a review's
text or a person's data: labels are ids of the reference (departments, halls, staff), names of ours, or numbers. Only
two metrics have a label `staff_id`, and both have a limit.

| metric | type | meaning |
| --- | --- | --- |
{rows}

Beside these there are prometheus-client's own figures of the process: `process_cpu_seconds_total`,
`process_resident_memory_bytes`, `process_virtual_memory_bytes`, `process_open_fds`, `process_max_fds`,
`process_start_time_seconds`, `python_info`.
"""

#: What Prometheus sees of prometheus-client's types: the type, and the end of the sample's name.
SEEN = {"counter": ("counter", "_total"), "info": ("gauge", "_info")}


def document() -> str:
    """docs/metrics.md."""
    registry = Metrics().registry
    rows = []
    for family in registry.collect():
        if family.name.startswith("haochaping_"):
            kind, end = SEEN.get(family.type, (family.type, ""))
            collector = registry._names_to_collectors[family.name + end]
            labels = ("version",) if isinstance(collector, Info) else collector._labelnames  # type: ignore[attr-defined]
            name = family.name + end + (f"{{{','.join(labels)}}}" if labels else "")
            rows.append(f"| `{name}` | {kind} | {family.documentation} |")
    return DOCUMENT.format(rows="\n".join(rows))


if __name__ == "__main__":
    print(document(), end="")
