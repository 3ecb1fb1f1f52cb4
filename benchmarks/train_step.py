"""How many images a second are trained on, beside pythae's training pipeline with the same networks.

    python -m benchmarks.train_step [--rounds 11] [--steps 10] [--folder FOLDER] [--threads 1] [--quick]

The models are those of thesis B on MNIST: the Gaussian VAE of 16 latent variables and VQ-VAE 1. Ours is the loop of
`latentia train` with its task, its batches and its guard against what is not finite. Theirs is pythae's `BaseTrainer`
with its `VAE` or `VQVAE`, data set and loader, around an encoder and a decoder of the same layers. Batch (128), type
(float32), optimizer (AdamW) and learning rate are the same. AdamW is measured in pythae both as torch makes it by
default, which is what pythae asks for, and fused, as it is with us. pythae is 0.1.2, its latest release.

Every round trains each anew for the same number of steps, so that a slow minute of a shared machine does not fall on
one of them. A round's time is that between the ends of its first steps, which warm up, and of its last one; neither
side evaluates or saves in between. Images a second, and the ratio of ours to theirs in each round, go to a dated JSON
file as medians with least and greatest: by the clock, and by the processor's time, which other programs on the machine
change less.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import asdict, dataclass, field
from datetime import date
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from latentia.data import ImageSet, Mnist, ShuffledImages, Split
from latentia.data.mnist import FORMAT
from latentia.models.base import MultitaskModel
from latentia.models.multitask_gaussian_vae import MultitaskGaussianVAEConfig
from latentia.models.vq_vae import VQVAEConfig
from latentia.randomness import seeded
from latentia.training import Progress, fit
from latentia.training.multitask import MultitaskTraining, multitask_task
from latentia.training.record import run_record

try:
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE, VQVAE, VAEConfig
    from pythae.models import VQVAEConfig as PythaeVQVAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig
    from pythae.trainers.training_callbacks import TrainingCallback
except ImportError as error:
    raise SystemExit(
        "This benchmark compares with pythae, which is not installed: pip install -c constraints.txt -e '.[benchmarks]'"
    ) from error

OURS = "Latentia"
WARM_UP = 2
"""Steps of a round that are not counted."""
LEARNING_RATE = 1e-3
CONFIGS: Mapping[str, MultitaskGaussianVAEConfig | VQVAEConfig] = {
    "Gaussian VAE": MultitaskGaussianVAEConfig(),
    "VQ-VAE 1": VQVAEConfig(),
}
OPTIMIZERS: Mapping[str, Mapping[str, bool] | None] = {"pythae": None, "pythae, fused AdamW": {"fused": True}}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to measure."""

    batch: int = 128
    steps: int = 10
    """Counted steps of a round."""
    rounds: int = 11


@dataclass(kw_only=True)
class Watch:
    """Times of the ends of steps, by the clock and by the processor's time."""

    clock: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    def note(self) -> None:
        """Note that a step ends."""
        self.clock.append(time.perf_counter())
        self.processor.append(time.process_time())

    def rates(self, plan: Plan) -> dict[str, float]:
        """Images a second over the counted steps. Errors: SystemExit where not all steps were taken."""
        if len(self.clock) != WARM_UP + plan.steps:
            raise SystemExit(f"A round has {WARM_UP + plan.steps} steps; {len(self.clock)} were taken.")
        images = plan.batch * plan.steps
        return {
            "clock": images / (self.clock[-1] - self.clock[WARM_UP - 1]),
            "processor": images / (self.processor[-1] - self.processor[WARM_UP - 1]),
        }


class Encoder(BaseEncoder):  # type: ignore[misc]  # pythae comes without types
    """Our encoder's layers, in the layout in which images come."""

    def __init__(self, layers: nn.Module, *, gaussian: bool) -> None:
        super().__init__()
        self.layers = layers
        self.gaussian = gaussian

    def forward(self, images: Tensor) -> Any:
        hidden = self.layers(images)
        if not self.gaussian:
            return ModelOutput(embedding=hidden)
        loc, log_variance = hidden.chunk(2, 1)
        return ModelOutput(embedding=loc, log_covariance=log_variance)


class Decoder(BaseDecoder):  # type: ignore[misc]
    """Our decoder's layers, in the layout in which latent variables come."""

    def __init__(self, enter: nn.Module, body: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(enter, body)

    def forward(self, latent: Tensor) -> Any:
        return ModelOutput(reconstruction=self.layers(latent))


class NoteSteps(TrainingCallback):  # type: ignore[misc]
    """Notes the ends of pythae's steps."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch

    def on_train_step_end(self, training_config: Any, **arguments: Any) -> None:
        self.watch.note()


def train_ours(model: MultitaskModel, images: ImageSet, plan: Plan) -> Watch:
    """Train as `latentia train` does."""
    watch = Watch()
    training = MultitaskTraining(
        steps=WARM_UP + plan.steps, batch=plan.batch, learning_rate=LEARNING_RATE, accelerator="cpu"
    )
    batches = ShuffledImages(image_set=images, batch=plan.batch, seed=0)
    task = multitask_task(model, batches, images.tensor(slice(plan.batch)), training)

    def on_progress(progress: Progress) -> None:
        if progress.evaluation is None:
            watch.note()

    with tempfile.TemporaryDirectory() as folder:
        fit(task, training.loop(seed=0), checkpoint=Path(folder) / "checkpoint.safetensors", on_progress=on_progress)
    return watch


def of_pythae(model: MultitaskModel) -> nn.Module:
    """Put a model's layers into pythae's model."""
    assert model.decoder is not None
    gaussian = model.codebook_size is None
    parts = {
        "encoder": Encoder(model.get_submodule("encoder"), gaussian=gaussian),
        "decoder": Decoder(model.decoder.enter, model.decoder.body),
    }
    shape = model.image_format.shape
    if gaussian:
        made: nn.Module = VAE(VAEConfig(input_dim=shape, latent_dim=model.latent_shapes[0][0]), **parts)
    else:
        made = VQVAE(PythaeVQVAEConfig(input_dim=shape, num_embeddings=model.codebook_size), **parts)
    return made


def train_theirs(model: MultitaskModel, data: BaseDataset, plan: Plan, optimizer: Mapping[str, bool] | None) -> Watch:
    """Train by pythae's trainer, silently."""
    watch = Watch()
    with tempfile.TemporaryDirectory() as folder, redirect_stderr(StringIO()):
        config = BaseTrainerConfig(
            output_dir=folder,
            per_device_train_batch_size=plan.batch,
            num_epochs=1,
            optimizer_cls="AdamW",
            optimizer_params=optimizer,
            learning_rate=LEARNING_RATE,
            no_cuda=True,
        )
        trainer = BaseTrainer(of_pythae(model), data, training_config=config, callbacks=[NoteSteps(watch)])
        trainer.train()
    return watch


def benchmark(images: ImageSet, plan: Plan) -> list[dict[str, Any]]:
    """One row for each model, with the images a second of each way to train it."""
    shares = images.tensor(slice(None)).float() / (images.format.levels - 1)
    data = BaseDataset(shares, torch.zeros(len(shares)))
    rows = []
    for name, config in CONFIGS.items():

        def fresh(config: MultitaskGaussianVAEConfig | VQVAEConfig = config) -> MultitaskModel:
            with seeded(0):
                return config.build(images.format)

        ways: dict[str, Callable[[], Watch]] = {OURS: lambda: train_ours(fresh(), images, plan)}
        for way, optimizer in OPTIMIZERS.items():
            ways[way] = lambda optimizer=optimizer: train_theirs(fresh(), data, plan, optimizer)  # type: ignore[misc]
        rates = measure(ways, plan)
        rows.append({"model": name, "ways": {way: summary(rates[way], rates[OURS]) for way in ways}})
        print_row(rows[-1])
    return rows


def measure(ways: Mapping[str, Callable[[], Watch]], plan: Plan) -> dict[str, list[dict[str, float]]]:
    """Images a second of each round; in every other round the ways take turns backwards."""
    rates: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
    for number in range(plan.rounds):
        for way in list(ways)[:: -1 if number % 2 else 1]:
            rates[way].append(ways[way]().rates(plan))
    return rates


def summary(rates: Sequence[Mapping[str, float]], ours: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Medians with least and greatest, of the images a second and of ours in its ratio to them."""
    rows = {}
    for kind in ("clock", "processor"):
        ratios = [our[kind] / one[kind] for our, one in zip(ours, rates, strict=True)]
        rows[kind] = {
            "images_per_s": spread([one[kind] for one in rates]),
            "times_faster_ours": spread(ratios),
        }
    return rows


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, least, greatest."""
    return {"median": statistics.median(values), "least": min(values), "greatest": max(values)}


def print_row(row: Mapping[str, Any]) -> None:
    """Say it in a line for each way."""
    for way, kinds in row["ways"].items():
        told = "; ".join(f"{kind} {_in_words(figures)}" for kind, figures in kinds.items())
        print(f"{row['model']}, {way}: {told}", flush=True)


def _in_words(figures: Mapping[str, Mapping[str, float]]) -> str:
    rate, ratio = figures["images_per_s"], figures["times_faster_ours"]
    return (
        f"{rate['median']:.0f} ({rate['least']:.0f} to {rate['greatest']:.0f}) images/s, "
        f"ours {ratio['median']:.2f} ({ratio['least']:.2f} to {ratio['greatest']:.2f}) times that"
    )


def load(folder: Path | None, count: int, *, random: bool) -> ImageSet:
    """Take the first training images of MNIST, or random ones."""
    if not random:
        return Mnist(folder=folder).load(Split.TRAIN).first(count)
    drawn = np.random.default_rng(0).integers(FORMAT.levels, size=(count, *FORMAT.shape), dtype=np.uint8)
    return ImageSet(images=drawn, format=FORMAT, name="random images", split=Split.TRAIN)


def main() -> None:
    """Run the benchmark and print what it found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=Plan.rounds)
    parser.add_argument("--steps", type=int, default=Plan.steps, help="counted steps of a round")
    parser.add_argument("--folder", type=Path, help="of MNIST's files (default: they are downloaded)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="random images, a batch of 16, 2 short rounds; no file")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    logging.disable(logging.INFO)  # pythae tells of each training
    plan = Plan(rounds=options.rounds, steps=options.steps)
    if options.quick:
        plan = Plan(batch=16, steps=2, rounds=2)
    images = load(options.folder, plan.batch * (WARM_UP + plan.steps), random=options.quick)
    config = {**asdict(plan), "threads": options.threads, "device": "cpu"}
    record = run_record(config=config, seed=0, data={images.name: images.sha256}, source=Path(__file__))
    record["libraries"]["pythae"] = version("pythae")
    result = {"benchmark": "train_step", **record, "rows": benchmark(images, plan)}
    if options.quick:
        return
    options.out.mkdir(parents=True, exist_ok=True)
    target = options.out / f"train_step-cpu-{options.threads}-{date.today().isoformat()}.json"
    target.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"written to {target}")


if __name__ == "__main__":
    main()
