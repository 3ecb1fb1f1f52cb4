"""Run the experiment from the command line; see README.md in this folder."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from experiments.common import command_line, read_json, write_json, write_text
from experiments.density import claim_work
from experiments.table_4_1_mnist_cross_validation.figures import draw_curves, draw_reconstructions
from experiments.table_4_1_mnist_cross_validation.protocol import BUDGETS, Job, jobs
from experiments.table_4_1_mnist_cross_validation.tables import findings, markdown
from experiments.table_4_1_mnist_cross_validation.trainings import restore, show_jobs
from latentia.data import Split
from latentia.training import run_record

CLAIM = (
    "Thesis B, Table 4.1: a VAE that learns to reconstruct with and without known pixels, by two decoders or a single "
    "one, reconstructs otherwise without them, and its latent variables cost less or more."
)
RESULTS = Path(__file__).with_name("results")


def main(words: Sequence[str] | None = None) -> int:
    """Run with these words, or with the command line's own; return the exit code."""
    return command_line(
        experiment,
        name="table_4_1_mnist_cross_validation",
        says="Table 4.1 of thesis B: 45 rows of multitask VAEs on MNIST. A run that was killed goes on.",
        budgets=tuple(BUDGETS),
        results=RESULTS,
        words=words,
    )


def experiment(budget: str, folder: Path, seed: int) -> None:
    """Train all rows, or go on with it, and write BUDGET.json and BUDGET.md to `folder`."""
    setting = BUDGETS[budget]
    data = Job(family="VQ-VAE 1", method="base", fold=1).configuration(setting, seed)
    checksums = {str(split): data.load(split).sha256 for split in (Split.TRAIN, Split.VALIDATION)}
    record = run_record(config=asdict(setting), seed=seed, data=checksums, source=Path(__file__))
    work = claim_work(folder / "work" / f"{budget}-seed{seed}", record)
    path = folder / f"{budget}.json"
    if path.is_file():
        before = read_json(path)
        now = json.loads(json.dumps(record))
        restore([run for run in before["runs"] if _decides(before, run) == _decides(now, run)], work)

    def write(runs: list[dict[str, Any]]) -> None:
        """Write what there is so far, so that an interruption leaves a table."""
        result = {
            "experiment": "table_4_1_mnist_cross_validation",
            "claim": CLAIM,
            "simulated": False,
            "budget": budget,
            "shrunk": setting.shrunk,
            "trainings": len(jobs(setting)),
            **record,
            "findings": findings([run for run in runs if run["figures"] is not None]),
            "runs": runs,
        }
        write_json(result, path)
        write_text(markdown(result), path.with_suffix(".md"))

    runs = show_jobs(setting, seed, work, write)
    draw_curves(runs, folder / f"{budget}-curves.png")
    draw_reconstructions(setting.families, work, folder / f"{budget}-reconstructions.png")
    Console().print(f"The table is in {folder / f'{budget}.md'}, all figures in {folder / f'{budget}.json'}.")


def _decides(record: Mapping[str, Any], run: Mapping[str, Any]) -> list[Any]:
    """What a single training's result depends on: not which rows and how many folds there are besides."""
    config = record["config"]
    settings = (config["trainings"].get(run["family"]), config["held_out"], config["shrunk"])
    return [*settings, record["seed"], record["data_sha256"]]


if __name__ == "__main__":
    sys.exit(main())
