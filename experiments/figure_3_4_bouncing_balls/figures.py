"""The table and the picture of the result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from experiments.common import markdown_table
from experiments.figure_3_4_bouncing_balls.protocol import FORCING
from experiments.sequence_experiment import notes, stable
from experiments.video import below, clips_of
from latentia.uses import draw_strips, write_png

LEVELS = 2
HEIGHT = 3.4
"""Of the curves, in inches."""


def markdown(result: Mapping[str, Any]) -> str:
    """Lay out the figures of the three models, beside those of the clips themselves."""
    runs = stable(result)
    if not runs:
        return f"# Figure 3.4, budget {result['budget']}\n\nNo training was stable.\n"
    training, model = result["config"]["training"], result["config"]["model"]
    length = f"{training['steps']} steps" if training["steps"] else f"up to {training['passes']} passes"
    balls = result["config"]["balls"]
    parts = [
        f"# Figure 3.4 of thesis A, budget {result['budget']}: SIMULATED bouncing balls\n",
        f"{result['claim']}\n",
        *notes(result),
        f"{result['counts']['test']} test clips of {balls['frames']} frames of {balls['size']}×{balls['size']}, "
        f"{balls['gravities']} gravities, seed {result['seed']}. Each training: {length} of {training['batch']} clips, "
        f"hidden {model['hidden']}, latent {model['latent_size']}. −ELBO, RC and KL with teacher forcing as evaluation "
        "has it, in nats per clip; “kept” is how probable it is in training that a frame is kept. All else is of clips "
        "said again without teacher forcing, from the mean of z: the error is the share of pixels that are wrong, at "
        "the first frame, the last one and on average; “ball” is the overlap with one whole ball at the same place, 1 "
        "is best; “jerk” is how unevenly it moves, in pixels per frame².\n",
        _table(runs),
        f"![Clips, and what each model says again]({result['budget']}.png)\n",
    ]
    return "\n".join(parts)


def draw(result: Mapping[str, Any], path: Path) -> None:
    """Draw the clips above what each model says again, and below all the errors frame by frame.

    Nothing is drawn before all three models are there with their clips.
    """
    runs = _ordered(stable(result))
    said = clips_of(runs, "said")
    if len(runs) < len(FORCING) or any(one is None for one in said):
        return
    given = clips_of(runs, "given")[0]
    rows = {"clip": given, **{run["name"]: one for run, one in zip(runs, said, strict=True)}}
    strips = draw_strips({name: clips for name, clips in rows.items() if clips is not None}, LEVELS)
    write_png(below(strips, _curves(runs)), path.with_suffix(".png"))


def _ordered(runs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(runs, key=lambda run: list(FORCING).index(run["name"]))


def _curves(runs: Sequence[Mapping[str, Any]]) -> Figure:
    figure = Figure(figsize=(8, HEIGHT), layout="constrained")
    axes = figure.subplots()
    for run in runs:
        one = run["measured"]
        label = f"{run['name']}: KL {one['divergence']:.1f}, RC {one['reconstruction']:.1f} nats"
        axes.plot(range(1, len(one["frame_error"]) + 1), one["frame_error"], "o-", markersize=3, label=label)
    other = runs[0]["measured"]["frame_error_of_another_clip"]
    axes.plot(range(1, len(other) + 1), other, color="grey", linestyle="--", label="another clip of the data")
    axes.set(xlabel="frame", ylabel="share of wrong pixels", ylim=(0, None))
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    return figure


def _table(runs: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    for run in _ordered(runs):
        one = run["measured"]
        bound = [f"{one[name]:.1f}" for name in ("negative_elbo", "reconstruction", "divergence")]
        rows.append([run["name"], *bound, f"{one['kept']:.2f}", *_errors(one["frame_error"]), *_looks(one)])
    one = runs[0]["measured"]
    other = one["frame_error_of_another_clip"]
    rows.append(["another clip of the data", "", "", "", "", *_errors(other), *_looks(one["of_given"])])
    headings = ["decoder in training", "−ELBO", "RC", "KL", "kept", "error, first", "last", "mean", "ball", "jerk"]
    return markdown_table(headings, rows)


def _errors(errors: Sequence[float]) -> list[str]:
    return [f"{one:.2%}" for one in (errors[0], errors[-1], sum(errors) / len(errors))]


def _looks(one: Mapping[str, Any]) -> list[str]:
    return [f"{one['ball']:.2f}", "–" if one["jerk"] is None else f"{one['jerk']:.2f}"]
