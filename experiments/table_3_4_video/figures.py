"""Figures 3.5 and 3.6: clips said again, and what was dropped over the training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from experiments.sequence_experiment import of, stable
from experiments.table_3_4_video.protocol import BASELINE, DYNAMIC, ROWS
from experiments.video import clips_of
from latentia.files import atomic_path
from latentia.uses import draw_strips, write_png

LEVELS = 256


def draw(result: Mapping[str, Any], path: Path) -> None:
    """Draw both, as far as there are runs for them: PATH-clips.png and PATH-drop.png."""
    runs = stable(result)
    draw_clips(runs, path.with_name(f"{path.name}-clips.png"))
    draw_drop(runs, path.with_name(f"{path.name}-drop.png"))


def draw_clips(runs: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw clips, what the regulated model says again and what the baseline does, both from the first seed."""
    firsts = [run for name in (DYNAMIC, BASELINE) for run in of(runs, name)[:1]]
    said = clips_of(firsts, "said")
    if len(firsts) < 2 or any(one is None for one in said):
        return
    # The letters of pictures have no Greek.
    names = [run["name"].replace("β", "beta") for run in firsts]
    rows = {"clip": clips_of(firsts, "given")[0], **dict(zip(names, said, strict=True))}
    write_png(draw_strips({name: clips for name, clips in rows.items() if clips is not None}, LEVELS), path)


def draw_drop(runs: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw the share of frames that are dropped at each step, of the rows where it is inferred, for each seed."""
    inferred = [row for row in ROWS.values() if row.inferred and of(runs, row.name)]
    if not inferred:
        return
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    panels = figure.subplots(1, len(inferred), squeeze=False, sharey=True)[0]
    for axes, row in zip(panels, inferred, strict=True):
        for run in of(runs, row.name):
            steps, drops = zip(*run["drop"], strict=True) if run["drop"] else ((), ())
            axes.plot(steps, drops, linewidth=0.8, label=f"seed {run['seed']}")
        axes.axhline(row.rate, color="black", linestyle="--", linewidth=1, label="prior")
        axes.set(xlabel="steps", title=row.name)
        axes.legend(frameon=False)
    panels[0].set(ylabel="probability of dropping")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)
