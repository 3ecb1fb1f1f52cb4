"""Who is compared with whom, on what, for how long."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from experiments.common import real_data
from experiments.density import Build, Images, Measure, Run
from latentia.data import Cifar10, ImageSet, Split
from latentia.images import ImageFormat
from latentia.models.gaussian_vae import GaussianVAEConfig
from latentia.models.ladder_vae import LadderVAEConfig, SpatialDependencyConfig
from latentia.training.density import DensityTraining

SDN, IAF, FLAT = "SDN-VAE", "IAF-VAE+", "Gaussian VAE"


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What is trained and measured."""

    ladder: LadderVAEConfig
    """SDN-VAE; IAF-VAE+ is the same without its spatial dependency layers."""
    flat: GaussianVAEConfig
    training: DensityTraining
    seeds: int
    measure: Measure
    simulated: bool = False

    @property
    def models(self) -> dict[str, Build]:
        """The models that are compared, by name."""
        return {SDN: self.ladder.build, IAF: replace(self.ladder, sdn=None).build, FLAT: self.flat.build}

    def runs(self, seed: int) -> list[Run]:
        """All models from all seeds; each seed's models one after the other."""
        return [
            Run(name=name, build=build, training=self.training, seed=seed + place)
            for place in range(self.seeds)
            for name, build in self.models.items()
        ]


BUDGETS = {
    "smoke": Budget(
        ladder=LadderVAEConfig(
            layers=(1, 1),
            channels=4,
            latent_channels=1,
            flow_channels=2,
            components=1,
            sdn=SpatialDependencyConfig(features=(3, 3)),
        ),
        flat=GaussianVAEConfig(widths=(4,), latent_size=2, components=1),
        training=DensityTraining(steps=4, batch=16, evaluate_steps=2),
        seeds=2,
        measure=Measure(importance_samples=2, draws=1),
        simulated=True,
    ),
    "hour": Budget(
        ladder=LadderVAEConfig(
            layers=(2, 2, 0),
            channels=32,
            flow_channels=16,
            sdn=SpatialDependencyConfig(features=(32, 32, 16)),
        ),
        flat=GaussianVAEConfig(latent_size=128),
        training=DensityTraining(
            steps=3000,
            batch=16,
            optimizer="adam",
            learning_rate=0.001,
            evaluate_steps=250,
            precision="bf16-mixed",
        ),
        seeds=3,
        measure=Measure(importance_samples=16),
    ),
    "paper": Budget(
        ladder=LadderVAEConfig(sdn=SpatialDependencyConfig(features=(120, 240, 260))),
        flat=GaussianVAEConfig(latent_size=512),
        training=DensityTraining(steps=140_000, batch=256, micro_batches=8, evaluate_steps=1000, precision="16-mixed"),
        seeds=1,
        measure=Measure(importance_samples=1024, draws=1, batch=256),
    ),
}


def load_images(name: str) -> Images:
    """Load the images of a budget: real ones, and for `smoke` a few made ones. Errors: DataError, SettingError."""
    if BUDGETS[name].simulated:
        return _made()
    # The paper's size wants all of CIFAR-10, which is downloaded where it is not in the user's cache folder.
    folder: Path | None = real_data() / "cifar10" if name == "hour" else None
    source = Cifar10(folder=folder, validation=500 if name == "hour" else 1000)
    train, validation, test = (source.load(split) for split in (Split.TRAIN, Split.VALIDATION, Split.TEST))
    return Images(train=train, validation=validation, test=test, flip=True)


def _made() -> Images:
    """Slopes of random direction: images that need no file."""
    generator = np.random.default_rng(0)
    axis = np.linspace(-1, 1, 8)
    slopes = generator.normal(size=(72, 3, 2)) @ np.stack(np.meshgrid(axis, axis)).reshape(2, 64)
    pixels = np.clip(127.5 + 60 * slopes, 0, 255).astype(np.uint8).reshape(72, 3, 8, 8)
    whole = ImageSet(
        images=pixels, format=ImageFormat(channels=3, height=8, width=8), name="made slopes", split=Split.TRAIN
    )
    parts = {Split.TRAIN: slice(0, 64), Split.VALIDATION: slice(64, 68), Split.TEST: slice(68, 72)}
    train, validation, test = (replace(whole, images=pixels[part], split=split) for split, part in parts.items())
    return Images(train=train, validation=validation, test=test, flip=False)
