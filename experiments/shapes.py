"""The β-VAEs of rendered shapes that three experiments look at: who is trained for how long, and what is measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from experiments.common import read_json, write_json
from experiments.density import finite_row
from latentia.data import ImageSet, RenderedShapes, ShuffledImages, Split
from latentia.errors import TrainingError
from latentia.evaluation import evaluate_bound, gaussian_posterior, nats_to_bits
from latentia.evaluation.disentanglement import BoostedTrees, measure_all
from latentia.evaluation.latent_information import divergence_per_dimension
from latentia.evaluation.latent_usage import ACTIVE_NATS
from latentia.models.beta_vae import BetaVAE, BetaVAEConfig, DecoderName
from latentia.randomness import seeded, stream
from latentia.runs.model_file import load_model, save_model
from latentia.training import fit, source_version
from latentia.training.density import DensityTraining, density_task

DECODERS: Mapping[DecoderName, str] = {"convolutions": "CNN", "sdn": "SDN"}
"""What the thesis calls the two VAEs."""
MEASURED = 0x5CE7
"""First number of the seed of the scenes that are measured."""
TREES = BoostedTrees(trees=10)
"""DCI is fitted with; the default of 100 takes ten times as long."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training."""

    model: BetaVAEConfig
    training: DensityTraining
    seed: int

    @property
    def name(self) -> str:
        """The decoder, as the thesis calls it."""
        return DECODERS[self.model.decoder]

    @property
    def label(self) -> str:
        """A name for files."""
        return f"{self.name.lower()}-beta{self.training.beta:g}-seed{self.seed}"


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What is trained on what, and measured."""

    data: RenderedShapes
    model: BetaVAEConfig
    training: DensityTraining
    betas: tuple[float, ...]
    seeds: int
    scenes: int
    """How many are measured, drawn from all scenes."""
    points: int
    """Points, or votes, that the classifiers of β-VAE and FactorVAE scores are made from; half as many test them."""
    simulated: bool = True

    def runs(self, seed: int) -> list[Run]:
        """All trainings; each seed's one after the other, so that an interruption leaves whole seeds."""
        return [
            Run(
                model=replace(self.model, decoder=decoder),
                training=replace(self.training, beta=beta),
                seed=seed + place,
            )
            for place in range(self.seeds)
            for beta in self.betas
            for decoder in DECODERS
        ]


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Images to train on, to choose the step by, and to measure with; the last with their factors."""

    train: ImageSet
    validation: ImageSet
    scenes: np.ndarray
    data: RenderedShapes

    @staticmethod
    def of(budget: Budget) -> Parts:
        """Draw them, or take those that were drawn before."""
        train, validation = (budget.data.load(split) for split in (Split.TRAIN, Split.VALIDATION))
        generator = np.random.default_rng(stream(MEASURED))
        scenes = generator.permutation(budget.data.factors.combinations)[: budget.scenes]
        return Parts(train=train, validation=validation, scenes=scenes, data=budget.data)

    @property
    def checksums(self) -> dict[str, str]:
        """Checksum of the content of the parts that training reads."""
        return {str(part.split): part.sha256 for part in (self.train, self.validation)}


def run_one(run: Run, parts: Parts, budget: Budget, work: Path) -> dict[str, Any]:
    """Train and measure a model, or read what is in `work`; an interrupted training goes on.

    The model stays in `work` too. A training whose loss stayed not finite has the reason as "unstable".
    """
    done = work / f"{run.label}.json"
    if done.is_file():
        return read_json(done)
    torch.set_num_threads(1)
    with seeded(run.seed):
        model = run.model.build(parts.train.format)
    batches = ShuffledImages(image_set=parts.train, batch=run.training.batch, seed=run.seed)
    task = density_task(model, batches, parts.validation.tensor(slice(None)), run.training)
    result: dict[str, Any] = {
        "name": run.name,
        "beta": run.training.beta,
        "seed": run.seed,
        "source": source_version(Path(__file__)),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
    }
    try:
        outcome = fit(task, run.training.loop(run.seed), checkpoint=work / f"{run.label}.safetensors", resume=True)
    except TrainingError as problem:
        result["unstable"] = str(problem)
    else:
        save_model(model, run.model, work / f"{run.label}-model.safetensors")
        result |= {
            "steps": outcome.steps,
            "skipped": outcome.skipped,
            "seconds_per_step": outcome.seconds / outcome.steps,
            "best_step": int(outcome.history[outcome.best]["step"]),
            "history": [finite_row(row) for row in outcome.history],
            **measure(model, parts, budget, run.seed),
        }
    write_json(result, done)
    return result


def measure(model: BetaVAE, parts: Parts, budget: Budget, seed: int) -> dict[str, Any]:
    """Measure the bound, in bits per dimension, and how disentangled the posterior means are."""
    images = torch.from_numpy(parts.data.images(parts.scenes))
    dimensions = model.image_format.dimensions
    terms = evaluate_bound(model, images, batch=budget.training.batch, seed=seed)
    posterior = gaussian_posterior(model, images, batch=budget.training.batch)
    nats = divergence_per_dimension(posterior)
    codes, factors = posterior.loc.double().numpy(), parts.data.factors_of(parts.scenes)
    scores = measure_all(codes, factors, seed=seed, points=budget.points, predictor=TREES)
    return {
        "bits_per_dimension": nats_to_bits(float(terms.elbo.mean()), dimensions),
        "divergence_bits": nats_to_bits(-float(terms.divergence.sum(1).mean()), dimensions),
        "divergence_nats": nats.tolist(),
        "live": int((nats > ACTIVE_NATS).sum()),
        "log_scale": float(model.log_scale.detach()),
        "scores": dict(scores.scores),
    }


def trained(run: Run, work: Path) -> BetaVAE:
    """Load the model of a run that is done. Errors: CheckpointError where it is not in `work`."""
    model = load_model(work / f"{run.label}-model.safetensors", run.model)
    assert isinstance(model, BetaVAE)
    return model


def _training(steps: int, batch: int, evaluate_steps: int, **settings: Any) -> DensityTraining:
    return DensityTraining(
        steps=steps,
        batch=batch,
        free_bits=0,
        average_decay=None,
        divergence_warm_up=steps // 2,  # as the thesis: 100k of 200k
        evaluate_steps=evaluate_steps,
        **settings,
    )


BUDGETS = {
    "smoke": Budget(
        data=RenderedShapes(train=16, validation=4),
        model=BetaVAEConfig(sdn_features=3, latent_size=4, first_log_scale=-2.0),
        training=_training(2, 4, 1, learning_rate=0.001),
        betas=(1, 4),
        seeds=1,
        scenes=200,
        points=40,
    ),
    "hour": Budget(
        data=RenderedShapes(train=32_000, validation=256),
        model=BetaVAEConfig(sdn_features=32, first_log_scale=-2.0),
        training=_training(2400, 32, 200, learning_rate=0.002, checkpoint_steps=200),
        betas=(1, 32),
        seeds=3,
        scenes=8000,
        points=10_000,
    ),
    "paper": Budget(
        data=RenderedShapes(validation=1000),
        model=BetaVAEConfig(),
        training=_training(200_000, 128, 2000, learning_rate=0.001),
        betas=(1, 32, 100, 300, 500),
        seeds=10,
        scenes=32_000,
        points=10_000,
    ),
}
