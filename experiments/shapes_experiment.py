"""How the experiments on rendered shapes are carried out: one training serves all of them.

By default all three keep what is trained in `experiments/work/shapes`; with `--out` it is in that folder's `work`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import joblib
from rich.console import Console

from experiments.common import command_line, progress_bars, write_json, write_text
from experiments.density import JOBS, claim_work
from experiments.shapes import BUDGETS, Budget, Parts, Run, run_one
from latentia.training import run_record

EXPERIMENTS = Path(__file__).parent
Result = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class ShapesExperiment:
    """What an experiment claims, which of the trainings it looks at, and how it shows them."""

    name: str
    """Of its folder."""
    says: str
    """What its command does, in a sentence for its help."""
    claim: str
    markdown: Callable[[Result], str]
    wanted: Callable[[Run], bool] = lambda run: True
    draw: Callable[[Result, Path, Path], None] = lambda result, path, work: None
    """Draws a result; its files begin as the first path does, and models are in the second."""

    def main(self, words: Sequence[str] | None = None) -> int:
        """Run with these words, or with the command line's own; return the exit code."""
        return command_line(
            partial(carry_out, self),
            name=self.name,
            says=f"{self.says} A run that was killed goes on.",
            budgets=tuple(BUDGETS),
            results=EXPERIMENTS / self.name / "results",
            words=words,
        )


def carry_out(experiment: ShapesExperiment, budget: str, folder: Path, seed: int) -> None:
    """Train and measure what is not done yet, and write BUDGET.json, BUDGET.md and pictures after each training.

    Errors: SettingError where the work is of other settings or data; DataError; OSError.
    """
    setting = BUDGETS[budget]
    parts = Parts.of(setting)
    runs = [run for run in setting.runs(seed) if experiment.wanted(run)]
    record = run_record(config=asdict(setting), seed=seed, data=parts.checksums, source=Path(__file__))
    shared = folder == EXPERIMENTS / experiment.name / "results"
    work = (EXPERIMENTS / "work" / "shapes" if shared else folder / "work") / f"{budget}-seed{seed}"
    claim_work(work, {**record, "config": _of_each_training(setting)})
    path = folder / f"{budget}.json"

    def write(done: list[dict[str, Any]]) -> None:
        result = {
            "experiment": experiment.name,
            "claim": experiment.claim,
            "simulated": setting.simulated,
            "data": setting.data.name,
            "budget": budget,
            "trainings": len(runs),
            **record,
            "runs": done,
        }
        write_json(result, path)
        write_text(experiment.markdown(result), path.with_suffix(".md"))
        experiment.draw(result, path.with_suffix(""), work)

    show_runs(runs, parts, setting, work, write)
    Console().print(f"The table is in {path.with_suffix('.md')}, all figures in {path}.")


def show_runs(
    runs: Sequence[Run], parts: Parts, setting: Budget, work: Path, write: Callable[[list[dict[str, Any]]], None]
) -> None:
    """Do each run in a process of its own, with a bar; `write` is given what is done after each, in their order."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    parallel = joblib.Parallel(n_jobs=JOBS, return_as="generator_unordered")
    done: dict[tuple[str, float, int], dict[str, Any]] = {}
    places = [(run.name, run.training.beta, run.seed) for run in runs]
    with progress_bars() as bars:
        task = bars.add_task("Training and measuring", total=len(runs))
        for result in parallel(joblib.delayed(run_one)(run, parts, setting, work) for run in runs):
            done[result["name"], result["beta"], result["seed"]] = result
            write([done[place] for place in places if place in done])
            found = "unstable" if "unstable" in result else f"{result['bits_per_dimension']:.3f} bits/dim"
            bars.update(task, advance=1, description=f"{result['name']}, β {result['beta']:g}: {found}")


def _of_each_training(setting: Budget) -> dict[str, Any]:
    values = asdict(setting)
    return {name: value for name, value in values.items() if name not in ("betas", "seeds")}


def stable(result: Result) -> list[Mapping[str, Any]]:
    """Give the runs that came to an end."""
    return [run for run in result["runs"] if "unstable" not in run]


def betas(result: Result) -> list[float]:
    """Give every β that there are runs of, smallest first."""
    return sorted({run["beta"] for run in stable(result)})


def of(result: Result, name: str, beta: float) -> list[Mapping[str, Any]]:
    """Give the runs of a decoder and a β, by seed."""
    return [run for run in stable(result) if run["name"] == name and run["beta"] == beta]


def heading(result: Result, title: str) -> list[str]:
    """Say what the result is, what was spent on it, and what is missing."""
    config = result["config"]
    training, model, data = config["training"], config["model"], config["data"]
    done, wanted = len(result["runs"]), result["trainings"]
    unstable = sorted({f"{run['name']} with β {run['beta']:g}" for run in result["runs"] if "unstable" in run})
    scenes = "all scenes that are not held out" if data["train"] is None else f"{data['train']} scenes"
    seeds = len({run["seed"] for run in result["runs"]})
    return [
        f"# {title}, budget {result['budget']}: SIMULATED images, rendered shapes in place of 3D-Shapes\n",
        f"{result['claim']}\n",
        *([f"**Not finished: {done} of {wanted} trainings are done.**\n"] if done < wanted else []),
        *(f"{one} was not stable from every seed.\n" for one in unstable),
        f"{training['steps']} steps of {training['batch']} images (the thesis: 200,000 of 128), on {scenes}; "
        f"{model['sdn_features']} features in the spatial dependency layer (the thesis: 200); the weight of the "
        f"divergence rises to β over {training['divergence_warm_up']} steps. Measured on {config['scenes']} of all "
        f"480,000 scenes, as the thesis has no split. Seeds: {seeds}; ± is the standard error over them.\n",
    ]
