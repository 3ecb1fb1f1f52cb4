"""The rows of the table: the ladder VAE with six kinds of layers on its way down."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import torch

from experiments.density import Build, Measure, Run
from experiments.table_4_1_density.protocol import BUDGETS as DENSITY
from experiments.table_4_2_ablation.blocks import Deeper, LargerKernels, describe
from latentia.images import ImageFormat
from latentia.models.ladder_vae import LadderVAE, LadderVAEConfig, TopDownLayers
from latentia.training.density import DensityTraining


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of Table 4.2, with what the thesis says of it."""

    name: str
    layer: str
    build: Build
    published_millions: int
    published_bits: float | None
    """None: the training was not stable."""
    rate: float = 1.0
    """Factor on the learning rate at the thesis' size, where rates were halved until a training was stable."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What is trained and measured."""

    ladder: LadderVAEConfig
    """The model with spatial dependency layers; the other rows replace them."""
    training: DensityTraining
    seeds: int
    measure: Measure
    halve_rates: bool = False
    """Whether rows have the learning rates that the thesis found stable, or all the same."""

    def runs(self, seed: int) -> list[Run]:
        """All rows from all seeds."""
        return [
            Run(name=row.name, build=row.build, training=self._training(row), seed=seed + place)
            for place in range(self.seeds)
            for row in rows(self.ladder)
        ]

    def _training(self, row: Row) -> DensityTraining:
        rate = self.training.learning_rate * (row.rate if self.halve_rates else 1.0)
        return replace(self.training, learning_rate=rate)


def rows(ladder: LadderVAEConfig) -> list[Row]:
    """Give the table's rows for a ladder of any size.

    B2 and B4 have the SDN channels of the ladder's widest scale at every scale: so their sizes come near the thesis'.
    """
    assert ladder.sdn is not None
    plain = replace(ladder, sdn=None)
    hidden = tuple(max(ladder.sdn.features) for _ in ladder.layers)
    blocks: dict[str, tuple[TopDownLayers, int, float | None, float]] = {
        "B1": (LargerKernels(kernel_size=9), 192, 3.080, 0.25),
        "B2": (Deeper(features=hidden, hidden=0), 104, None, 0.25),
        "B3": (LargerKernels(kernel_size=7), 126, 2.945, 0.5),
        "B4": (Deeper(features=hidden, hidden=1), 130, 3.120, 0.25),
    }
    return [
        Row(name="CNN", layer="3×3 kernels", build=plain.build, published_millions=42, published_bits=3.081),
        *(
            Row(
                name=name,
                layer=describe(layers),
                build=partial(_with_layers, plain, layers),
                published_millions=millions,
                published_bits=bits,
                rate=rate,
            )
            for name, (layers, millions, bits, rate) in blocks.items()
        ),
        Row(
            name="ResSDN",
            layer="residual spatial dependency",
            build=ladder.build,
            published_millions=121,
            published_bits=2.906,
        ),
    ]


def _with_layers(config: LadderVAEConfig, layers: TopDownLayers, image_format: ImageFormat) -> LadderVAE:
    return LadderVAE(config, image_format, top_down=layers)


def millions(build: Build) -> float:
    """Count a model's parameters for images of 3×32×32, in millions, without allocating them."""
    with torch.device("meta"):
        model = build(ImageFormat(channels=3, height=32, width=32))
    return sum(parameter.numel() for parameter in model.parameters()) / 1e6


BUDGETS = {
    "smoke": Budget(
        ladder=DENSITY["smoke"].ladder,
        training=DENSITY["smoke"].training,
        seeds=1,
        measure=Measure(importance_samples=1),
    ),
    "hour": Budget(
        ladder=DENSITY["hour"].ladder,
        training=replace(DENSITY["hour"].training, steps=1000),
        seeds=1,
        measure=Measure(importance_samples=1),
    ),
    "paper": Budget(
        ladder=DENSITY["paper"].ladder,
        training=DENSITY["paper"].training,
        seeds=1,
        measure=Measure(importance_samples=1),
        halve_rates=True,
    ),
}
