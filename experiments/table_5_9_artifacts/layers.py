"""Which layers of the density tell artifacts, and what its threshold is worth in other cohorts.

    python -m experiments.table_5_9_artifacts.layers --budget hour

Takes the bound of eq. 5.2 apart, for the animals that a run of the experiment scored: the likelihood given the layers
on top, and each layer's divergence. Writes BUDGET-layers.json and BUDGET-layers.md beside the results.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from experiments.cohorts import arrays_file, cohort_of, montage, split
from experiments.common import command_line, progress_bars, read_json, write_json, write_text
from experiments.table_5_9_artifacts.layer_tables import areas, carried_over, markdown, means
from experiments.table_5_9_artifacts.protocol import ALL_LAYERS, BUDGETS, COHORTS, NETWORK, TOP_TWO
from latentia.evaluation_mode import blocks, evaluation_mode
from latentia.files import atomic_path
from latentia.models.base import LatentVariableModel
from latentia.randomness import seeded
from latentia.training import run_record
from spindle.density import DensityModel, load_density
from spindle.density.detector import BATCH_EPOCHS
from spindle.density.images import to_levels
from spindle.errors import SettingError
from spindle.signals import load_signals
from spindle.simulation.files import Plan
from spindle.spectrogram import TimeFrequency, time_frequency

RESULTS = Path(__file__).with_name("results")
DRAW = 1
"""Seeds the draws; those of the scores have another, so that the two can be compared."""

Arrays = dict[str, np.ndarray]


def main(words: Sequence[str] | None = None) -> int:
    """Run with these words, or with the command line's own; return the exit code."""
    return command_line(
        experiment,
        name="table_5_9_artifacts.layers",
        says="Which layers of the density tell artifacts, after a run of table_5_9_artifacts, on SIMULATED cohorts.",
        budgets=tuple(BUDGETS),
        results=RESULTS,
        words=words,
    )


def experiment(budget: str, folder: Path, seed: int) -> None:
    """Measure the animals that are not measured yet, and write the tables. Errors: SettingError without a run."""
    work = folder / "work" / f"{budget}-seed{seed}"
    if not (folder / f"{budget}.json").is_file() or not work.is_dir():
        raise SettingError(f"{folder} holds no finished run of the budget {budget}; start that first.")
    density = load_density(work / "training" / "density.safetensors")
    plans = _tested(budget, seed)
    terms = {}
    with progress_bars() as bars:
        for plan in bars.track(plans, description="Taking bounds apart"):
            terms[plan.name] = _measured(plan, density, work)
    scores = {plan.name: _read(arrays_file(work, plan.name)) for plan in plans}
    chosen = density.calibrations
    thresholds = {NETWORK: 0.5, TOP_TWO: -chosen[1].threshold_nats, ALL_LAYERS: -chosen[-1].threshold_nats}
    run = read_json(folder / f"{budget}.json")
    result = {
        "experiment": "table_5_9_artifacts.layers",
        "simulated": True,
        "budget": budget,
        "density_source": run["source"],
        **run_record(
            config=asdict(BUDGETS[budget]),
            seed=seed,
            data={animal["name"]: animal["sha256"] for animal in run["animals"]},
            source=Path(__file__),
        ),
        "areas": areas(terms, scores),
        "means_nats": means(terms),
        "thresholds": carried_over(scores, thresholds),
    }
    write_json(result, folder / f"{budget}-layers.json")
    write_text(markdown(result), folder / f"{budget}-layers.md")
    Console().print(f"The tables are in {folder / f'{budget}-layers.md'}.")


def _tested(budget: str, seed: int) -> list[Plan]:
    hours = BUDGETS[budget]
    _, others = split(training_hours=hours.training_hours, test_hours=hours.test_hours, seed=seed)
    return [plan for plan in others if cohort_of(plan.name) in COHORTS]


def _measured(plan: Plan, density: DensityModel, work: Path) -> Arrays:
    """Take the bounds of an animal apart, or read what an earlier call kept."""
    path = work / "layers" / f"{plan.name}.npz"
    if not path.is_file():
        simulated = plan.simulate()
        images = time_frequency(load_signals(montage(simulated)))
        flags = np.stack([expert.artifact for expert in simulated.experts])
        path.parent.mkdir(exist_ok=True)
        with atomic_path(path) as temporary:
            np.savez_compressed(temporary, flags=flags, **taken_apart(density.network, images))
    return _read(path)


def taken_apart(network: LatentVariableModel, images: TimeFrequency) -> Arrays:
    """Give the terms of eq. 5.2 at one draw, nats per epoch; NaN where an epoch cannot be used.

    Both arrays are (epochs, layers). Column t − 1 of `likelihood` is log p(x | z) with t layers on top drawn from the
    posterior and the others from the prior; column l − 1 of `divergence` is log q(z_l | x) − log p(z_l) of the layer l
    from the top, whose mean is the divergence. The bound of t layers is the likelihood less the first t of them.
    """
    layers = len(network.latent_shapes)
    usable = np.flatnonzero(images.usable)
    likelihood, divergence = (np.full((len(images), layers), np.nan) for _ in range(2))
    with evaluation_mode(network) as device:
        for block in blocks(len(usable), BATCH_EPOCHS, "epoch"):
            epochs = usable[block]
            part = torch.from_numpy(to_levels(images.images(epochs).numpy())).to(device)
            with seeded(DRAW, block.start, device=device):
                inference = network.infer(part)
                for top in range(1, layers):
                    generated = network.generate(len(part), inference.latents[:top])
                    likelihood[epochs, top - 1] = generated.likelihood.log_prob(part).cpu().numpy()
            likelihood[epochs, -1] = inference.likelihood.log_prob(part).cpu().numpy()
            divergence[epochs] = (inference.log_posterior - inference.log_prior).cpu().numpy()
    return {"likelihood": likelihood, "divergence": divergence}


def _read(path: Path) -> Arrays:
    with np.load(path, allow_pickle=False) as content:
        return {name: content[name] for name in content.files}


if __name__ == "__main__":
    sys.exit(main())
