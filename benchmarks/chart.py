"""The charts of docs/performance.md."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")
from matplotlib import pyplot as plt

OURS, OTHERS = "#b5342c", "#8a94a0"


def draw_job(rows: Sequence[Mapping[str, Any]], file: Path) -> None:
    """Bars of records a second and CPU seconds a million, the fastest on top."""
    rows = sorted(rows, key=lambda row: row["records_per_second"])
    names = [row["system"] for row in rows]
    colours = [OURS if name.startswith("haochaping") else OTHERS for name in names]
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 0.5 * len(rows) + 1.2), sharey=True, layout="constrained")
    for axes, field, title in (
        (left, "records_per_second", "records a second (more is better)"),
        (right, "cpu_seconds_per_million", "CPU seconds a million records (less is better)"),
    ):
        bars = axes.barh(names, [row[field] for row in rows], color=colours)
        axes.bar_label(bars, fmt="{:,.0f}" if field == "records_per_second" else "{:.1f}", padding=3)
        axes.set_title(title, fontsize=10)
        axes.margins(x=0.15)
        axes.spines[["top", "right"]].set_visible(False)
    _save(figure, file)


def draw_lines(curves: Mapping[str, Sequence[tuple[float, float]]], x_label: str, y_label: str, file: Path) -> None:
    """A line each name, from 0."""
    figure, axes = plt.subplots(figsize=(5, 3.2), layout="constrained")
    for name, points in curves.items():
        axes.plot(*zip(*points, strict=True), marker="o", label=name)
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.set_ylim(bottom=0)
    axes.spines[["top", "right"]].set_visible(False)
    if len(curves) > 1:
        axes.legend(frameon=False)
    _save(figure, file)


def _save(figure: Any, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    # The same figures give the same file, so that a change of it in the history is a change of figures.
    metadata = {"Date": None} if file.suffix == ".svg" else None
    plt.rcParams["svg.hashsalt"] = "haochaping"
    figure.savefig(file, metadata=metadata)
    plt.close(figure)
