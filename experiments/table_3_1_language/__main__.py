"""Run the experiment from the command line; see README.md in this folder."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from experiments.common import command_line, read_json, write_json, write_text
from experiments.density import claim_work
from experiments.sequences import restore, show_runs
from experiments.table_3_1_language.protocol import BUDGETS, load_parts
from experiments.table_3_1_language.tables import claims, markdown
from latentia.training import run_record

CLAIM = (
    "Thesis A, Table 3.1: a sentence VAE whose decoder is told fewer words keeps more in its latent variables, and one "
    "that learns which words to drop reconstructs better than with any fixed dropout."
)
RESULTS = Path(__file__).with_name("results")


def main(words: Sequence[str] | None = None) -> int:
    """Run with these words, or with the command line's own; return the exit code."""
    return command_line(
        experiment,
        name="table_3_1_language",
        says="Table 3.1 of thesis A: word dropout and its rivals on the Penn Treebank. A run that was killed goes on.",
        budgets=tuple(BUDGETS),
        results=RESULTS,
        words=words,
    )


def experiment(budget: str, folder: Path, seed: int) -> None:
    """Train and measure all rows, or go on with it, and write BUDGET.json and BUDGET.md to `folder`."""
    setting = BUDGETS[budget]
    parts = load_parts(setting)
    record = run_record(config=asdict(setting), seed=seed, data=parts.checksums, source=Path(__file__))
    work = claim_work(folder / "work" / f"{budget}-seed{seed}", record)
    path = folder / f"{budget}.json"
    if path.is_file():
        before, now = read_json(path), json.loads(json.dumps(record))
        if all(before[name] == now[name] for name in ("config", "seed", "data_sha256")):
            restore(before["runs"], work)
    runs = setting.runs(seed)

    def write(done: list[dict[str, Any]]) -> None:
        """Write what there is so far, so that an interruption leaves a table."""
        stable = [run for run in done if "unstable" not in run]
        result = {
            "experiment": "table_3_1_language",
            "claim": CLAIM,
            "simulated": setting.simulated,
            "budget": budget,
            "trainings": len(runs),
            **record,
            "claims": claims(stable),
            "runs": done,
        }
        write_json(result, path)
        write_text(markdown(result), path.with_suffix(".md"))

    show_runs(runs, parts, setting.measure, work, write)
    Console().print(f"The table is in {folder / f'{budget}.md'}, all figures in {folder / f'{budget}.json'}.")


if __name__ == "__main__":
    sys.exit(main())
