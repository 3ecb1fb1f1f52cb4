"""The one figure: a flow field from 16 sensors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from experiments.flow_from_sensors.baselines import Fields, Places, relative_error
from experiments.flow_from_sensors.measure import LINEAR, POD, THEN_POD, Estimate
from latentia.files import atomic_path

ACROSS = 1
"""The channel that is drawn, v: the vortices show in the velocity across the stream."""
BAR_OF = {2: slice(0, 3), 5: slice(4, 6)}
"""Which panels, column by column, the scale beside a panel is of."""

Grid = tuple[Float[np.ndarray, " width"], Float[np.ndarray, " height"]]


def draw(truth: Fields, estimates: dict[str, Estimate], mask: Places, solid: Places, grid: Grid, path: Path) -> None:
    """Draw one snapshot, (1, channels, height, width): truth and sensors, three reconstructions, error, uncertainty."""
    ours = estimates[THEN_POD]
    assert ours.deviation is not None
    linear, pod = estimates[LINEAR], estimates[POD]

    def error(one: Estimate) -> str:
        return f"error {relative_error(truth, one.field, solid)[0]:.1%}"

    missed = np.abs(ours.field - truth)
    velocity = float(np.abs(truth[0, ACROSS][~solid]).max())
    unsure = float(max(np.quantile(one[0, ACROSS][~solid], 0.998) for one in (missed, ours.deviation)))
    panels = [
        ("truth", truth, False),
        (f"linear interpolation of the sensors (dots): {error(linear)}", linear.field, False),
        (f"POD with a ridge: {error(pod)}", pod.field, False),
        (f"VAE, z by the sensors, then POD: {error(ours)}", ours.field, False),
        ("its error, absolute", missed, True),
        ("its uncertainty, one standard deviation", ours.deviation, True),
    ]
    figure = Figure(figsize=(10, 5.3), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(3, 2, sharex=True, sharey=True)
    for place, (panel, (title, field, positive)) in enumerate(zip(axes.T.ravel(), panels, strict=True)):
        limits = (0.0, unsure) if positive else (-velocity, velocity)
        image = _field(panel, field[0, ACROSS], solid, grid, limits, positive=positive)
        panel.set_title(title, fontsize=10, loc="left")
        if place != 0:
            _sensors(panel, mask, grid, light=positive)
        if place in BAR_OF:
            figure.colorbar(image, ax=axes.T.ravel()[BAR_OF[place]].tolist(), pad=0.01, aspect=30)
    for panel in axes[-1]:
        panel.set_xlabel("downstream, diameters", fontsize=9)
    for panel in axes[:, 0]:
        panel.set_ylabel("across", fontsize=9)
    figure.suptitle(
        f"Flow field from {mask.sum()} sensors: velocity across the stream, at a phase that was held out", fontsize=11
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=100)


def _field(
    axes: Axes,
    field: Float[np.ndarray, "height width"],
    solid: Places,
    grid: Grid,
    limits: tuple[float, float],
    *,
    positive: bool,
) -> QuadMesh:
    downstream, across = grid
    image = axes.pcolormesh(
        downstream,
        across,
        np.ma.masked_array(field, solid),
        cmap="magma" if positive else "RdBu_r",
        vmin=limits[0],
        vmax=limits[1],
        shading="nearest",
        rasterized=True,
    )
    axes.set_facecolor("0.45")
    axes.set_aspect("equal")
    axes.tick_params(labelsize=8)
    return image


def _sensors(axes: Axes, mask: Places, grid: Grid, *, light: bool) -> None:
    rows, columns = np.nonzero(mask)
    axes.plot(
        grid[0][columns], grid[1][rows], "o", ms=3.5, mfc="none" if light else "k", mec="w", mew=0.8, clip_on=True
    )
