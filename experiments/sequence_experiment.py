"""How an experiment on sequences is carried out: record, work that goes on where it was, table and pictures."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Protocol

from rich.console import Console

from experiments.common import command_line, read_json, write_json, write_text
from experiments.density import claim_work
from experiments.sequences import Measure, SequenceParts, SequenceRun, restore, show_runs
from latentia.training import run_record


class Setting(Protocol):
    """What is spent on an experiment; a frozen dataclass, which goes into the result."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def simulated(self) -> bool:
        """Whether the data are."""

    @property
    def measure(self) -> Measure:
        """What is measured of each model."""

    def runs(self, seed: int) -> list[SequenceRun]:
        """All trainings."""


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """What an experiment claims, what it is done with, and how its results are shown."""

    name: str
    """Of its folder."""
    says: str
    """What its command does, in a sentence for its help."""
    claim: str
    budgets: Mapping[str, Setting]
    load_parts: Callable[[Any], SequenceParts]
    """Loads the data that a setting asks for."""
    markdown: Callable[[Mapping[str, Any]], str]
    draw: Callable[[Mapping[str, Any], Path], None] = lambda result, path: None
    """Draws a result; its files begin as the given path does. Clips may be missing in some runs."""
    findings: Callable[[Sequence[Mapping[str, Any]]], dict[str, Any]] = lambda runs: {}
    """What the stable runs say of the claim, which goes into the result."""

    def main(self, words: Sequence[str] | None = None) -> int:
        """Run with these words, or with the command line's own; return the exit code."""
        return command_line(
            partial(carry_out, self),
            name=self.name,
            says=f"{self.says} A run that was killed goes on.",
            budgets=tuple(self.budgets),
            results=Path(__file__).parent / self.name / "results",
            words=words,
        )


def carry_out(experiment: Experiment, budget: str, folder: Path, seed: int) -> None:
    """Train and measure all runs, or go on with it, and write BUDGET.json, BUDGET.md and pictures to `folder`.

    After each run everything is written, so that an interruption leaves a table. Clips are kept in the folder's `work`
    alone: where that was deleted, what is done is taken from BUDGET.json, and pictures stay as they are.
    Errors: SettingError where `work` holds results of other settings or data; DataError; OSError.
    """
    setting = experiment.budgets[budget]
    parts = experiment.load_parts(setting)
    record = run_record(config=asdict(setting), seed=seed, data=parts.checksums, source=Path(__file__))
    work = claim_work(folder / "work" / f"{budget}-seed{seed}", record)
    path = folder / f"{budget}.json"
    if path.is_file():
        before, now = read_json(path), json.loads(json.dumps(record))
        if _of_each_run(before) == _of_each_run(now):
            restore(before["runs"], work)
    runs = setting.runs(seed)

    def write(done: list[dict[str, Any]]) -> None:
        result = {
            "experiment": experiment.name,
            "claim": experiment.claim,
            "simulated": setting.simulated,
            "data": parts.test.name,
            "counts": {str(part.split): len(part) for part in (parts.train, parts.validation, parts.test)},
            "budget": budget,
            "trainings": len(runs),
            **record,
            **experiment.findings([run for run in done if "unstable" not in run]),
            "runs": done,
        }
        write_json(result | {"runs": [_without_clips(run) for run in done]}, path)
        write_text(experiment.markdown(result), path.with_suffix(".md"))
        experiment.draw(result, path.with_suffix(""))

    show_runs(runs, parts, setting.measure, work, write)
    Console().print(f"The table is in {path.with_suffix('.md')}, all figures in {path}.")


def stable(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Give the runs that came to an end."""
    return [run for run in result["runs"] if "unstable" not in run]


def of(runs: Sequence[Mapping[str, Any]], name: str) -> list[Mapping[str, Any]]:
    """Give the runs of a row, by seed."""
    return sorted((run for run in runs if run["name"] == name), key=lambda run: run["seed"])


def read_published(path: Path, columns: Iterable[str]) -> dict[str, dict[str, float]]:
    """Read the published rows, by name and column, from a CSV file whose column of names is `row`."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {row["row"]: {name: float(row[name]) for name in columns} for row in rows}


def notes(result: Mapping[str, Any]) -> list[str]:
    """Say what is missing in a result: trainings that are not done, or were not stable."""
    done, wanted = len(result["runs"]), result["trainings"]
    unstable = sorted({run["name"] for run in result["runs"] if "unstable" in run})
    missing = [f"**Not finished: {done} of {wanted} trainings are done.**\n"] if done < wanted else []
    return [*missing, *(f"{name} was not stable from every seed.\n" for name in unstable)]


def _of_each_run(record: Mapping[str, Any]) -> dict[str, Any]:
    """Give what each run depends on: of the setting, all but which runs there are."""
    config = {name: value for name, value in record["config"].items() if name not in ("rows", "once", "seeds")}
    return {"config": config, "seed": record["seed"], "data_sha256": record["data_sha256"]}


def _without_clips(run: Mapping[str, Any]) -> dict[str, Any]:
    if "measured" not in run:
        return dict(run)
    return {**run, "measured": {name: value for name, value in run["measured"].items() if name != "clips"}}
