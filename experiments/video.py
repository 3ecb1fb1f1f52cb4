"""What the experiments on clips share: how one is carried out, and figures of clips that are said again."""

from __future__ import annotations

import base64
import io
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from jaxtyping import UInt8
from matplotlib.figure import Figure
from PIL import Image
from rich.console import Console

from experiments.common import read_json, write_json, write_text
from experiments.density import claim_work
from experiments.sequences import Measure, SequenceParts, SequenceRun, restore, show_runs
from latentia.evaluation.sequences import evaluate_sequences
from latentia.models.base import SequenceModel
from latentia.sequences import Sequences
from latentia.training import run_record

DPI = 100
Picture = UInt8[np.ndarray, "_ _ 3"]


class Setting(Protocol):
    """What is spent on an experiment; a frozen dataclass, which goes into the result."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def simulated(self) -> bool:
        """Whether the clips are."""

    @property
    def measure(self) -> Measure:
        """What is measured of each model."""

    def runs(self, seed: int) -> list[SequenceRun]:
        """All trainings."""


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """What an experiment on clips claims, and how its results are shown."""

    name: str
    """Of its folder."""
    claim: str
    markdown: Callable[[Mapping[str, Any]], str]
    draw: Callable[[Mapping[str, Any], Path], None]
    """Draws a result; its files begin as the given path does. Clips may be missing in some runs."""


def carry_out(
    experiment: Experiment, setting: Setting, parts: SequenceParts, *, budget: str, folder: Path, seed: int
) -> None:
    """Train and measure all runs, or go on with it, and write BUDGET.json, BUDGET.md and pictures to `folder`.

    After each run everything is written, so that an interruption leaves a table. Clips are kept in the folder's `work`
    alone: where that was deleted, what is done is taken from BUDGET.json, and pictures stay as they are.
    Errors: SettingError where `work` holds results of other settings or data; DataError; OSError.
    """
    record = run_record(config=asdict(setting), seed=seed, data=parts.checksums, source=Path(__file__))
    work = claim_work(folder / "work" / f"{budget}-seed{seed}", record)
    path = folder / f"{budget}.json"
    if path.is_file():
        before, now = read_json(path), json.loads(json.dumps(record))
        if all(before[name] == now[name] for name in ("config", "seed", "data_sha256")):
            restore(before["runs"], work)
    runs = setting.runs(seed)

    def write(done: list[dict[str, Any]]) -> None:
        result = {
            "experiment": experiment.name,
            "claim": experiment.claim,
            "simulated": setting.simulated,
            "data": parts.test.name,
            "clips": {str(part.split): len(part) for part in (parts.train, parts.validation, parts.test)},
            "budget": budget,
            "trainings": len(runs),
            **record,
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


def notes(result: Mapping[str, Any]) -> list[str]:
    """Say what is missing in a result: trainings that are not done, or were not stable."""
    done, wanted = len(result["runs"]), result["trainings"]
    unstable = sorted({run["name"] for run in result["runs"] if "unstable" in run})
    missing = [f"**Not finished: {done} of {wanted} trainings are done.**\n"] if done < wanted else []
    return [*missing, *(f"{name} was not stable from every seed.\n" for name in unstable)]


def measure_bound(model: SequenceModel, clips: Sequences, *, batch: int, seed: int) -> dict[str, float]:
    """Measure −ELBO, RC and KL with teacher forcing, in nats per clip, and the mean probability of keeping a frame."""
    figures = evaluate_sequences(model, clips, batch=batch, seed=seed)
    return {
        "negative_elbo": figures.negative_elbo,
        "reconstruction": figures.reconstruction,
        "divergence": figures.mean_divergence,
        "kept": 1 - figures.mean_drop,
    }


def frame_errors(given: Sequences, said: Sequences, levels: int) -> list[float]:
    """Mean squared error at each frame, as shares of white: a mean over pixels and over the clips that have it."""
    both = (each.values[:, : int(given.lengths.max())].double() / (levels - 1) for each in (given, said))
    first, second = both
    errors = (first - second).square().flatten(2).mean(2)
    mask = given.mask[:, : errors.shape[1]]
    found: list[float] = (errors.masked_fill(~mask, 0.0).sum(0) / mask.sum(0)).tolist()
    return found


def pack(clips: Sequences) -> dict[str, Any]:
    """Make a record of clips for a result file."""
    values = np.ascontiguousarray(clips.values.numpy(), np.uint8)
    data = base64.b64encode(zlib.compress(values.tobytes(), 9)).decode()
    return {"shape": list(values.shape), "lengths": clips.lengths.tolist(), "data": data}


def unpack(record: Mapping[str, Any]) -> Sequences:
    """Give the clips of such a record."""
    values = np.frombuffer(bytearray(zlib.decompress(base64.b64decode(record["data"]))), np.uint8)
    return Sequences(values=torch.from_numpy(values.reshape(record["shape"])), lengths=torch.tensor(record["lengths"]))


def clips_of(runs: Sequence[Mapping[str, Any]], kind: str) -> list[Sequences | None]:
    """Give the packed clips of this kind of each run, None where they are not kept."""
    packed = [run["measured"].get("clips") for run in runs]
    return [None if one is None else unpack(one[kind]) for one in packed]


def below(picture: Picture, figure: Figure) -> Picture:
    """Set a figure, which is made as wide, below a picture."""
    figure.set_dpi(DPI)
    figure.set_size_inches(picture.shape[1] / DPI, figure.get_size_inches()[1])
    file = io.BytesIO()
    figure.savefig(file, format="png")
    drawn = np.asarray(Image.open(file).convert("RGB"))
    width = max(picture.shape[1], drawn.shape[1])
    return np.concatenate(
        [np.pad(part, ((0, 0), (0, width - part.shape[1]), (0, 0)), constant_values=255) for part in (picture, drawn)]
    )


def _without_clips(run: Mapping[str, Any]) -> dict[str, Any]:
    if "measured" not in run:
        return dict(run)
    return {**run, "measured": {name: value for name, value in run["measured"].items() if name != "clips"}}
