"""What the experiments on clips share: how one is carried out, and figures of clips that are said again."""

from __future__ import annotations

import base64
import io
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from matplotlib.figure import Figure
from PIL import Image

from latentia.evaluation.sequences import evaluate_sequences
from latentia.models.base import SequenceModel
from latentia.sequences import Sequences

DPI = 100
Picture = UInt8[np.ndarray, "_ _ 3"]


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
