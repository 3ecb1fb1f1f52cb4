"""Learned methods as JSON files: what was learned, from what, and how well it did. No file can run code."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

from latentia.files import atomic_path
from spindle.baselines.autoscore import Autoscore
from spindle.baselines.base import Baseline, Labelled, learn
from spindle.baselines.faster import Faster
from spindle.baselines.features import EegUse
from spindle.baselines.scoprism import Scoprism
from spindle.errors import ModelError, OutputError
from spindle.model_file import ModelCard, read_card

FORMAT = "spindle-baseline"
FORMAT_VERSION = 1

KINDS: dict[str, type[Baseline]] = {kind.name: kind for kind in (Faster, Scoprism, Autoscore)}
"""The methods by their names, in the thesis' order."""


@dataclass(frozen=True, kw_only=True)
class BaselineModel:
    """A learned method, and where it comes from. The card's figures are mean F1 on the training recordings."""

    method: Baseline
    card: ModelCard

    @property
    def title(self) -> str:
        """The method, and what its model calls itself."""
        return f"{self.method.name} ({self.card.name})"

    @property
    def limits(self) -> tuple[str, ...]:
        """Sentences on what its scores lack."""
        none = f"{self.method.name} finds no artifacts: their probability is 0 throughout."
        if self.method.gives_probabilities:
            return (none,)
        return none, f"{self.method.name} gives no probabilities: that of the state it found is 1."


def learn_model(kind: str, recordings: Iterable[Labelled], *, name: str, data: str) -> BaselineModel:
    """Learn a method by its name; `name` is what the model calls itself, `data` says what it learned from.

    Errors: those of `learn`.
    """
    from latentia.training import source_version  # brings Lightning, seconds that scoring need not wait for

    learned = learn(KINDS[kind], recordings)
    card = ModelCard(
        name=name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        commit=source_version(Path(__file__)),
        data=data,
        figures={f"mean_f1_{use.value}": round(figure, 4) for use, figure in learned.mean_f1.items()},
    )
    return BaselineModel(method=learned.method, card=card)


def save_baseline(model: BaselineModel, path: Path) -> None:
    """Write a learned method. Errors: OutputError where `path` cannot be written."""
    content = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "method": model.method.name,
        "eeg_use": model.method.use.value,
        "parameters": model.method.parameters(),
        "card": asdict(model.card),
    }
    try:
        with atomic_path(path) as temporary:
            text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
            temporary.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise OutputError(f"The model cannot be written to {path}: {error.strerror or error}.") from error


def load_baseline(path: Path, kind: str) -> BaselineModel:
    """Read a learned method. Errors: ModelError where it is missing, damaged, newer, or of another kind."""
    content = _content(path)
    if int(content["version"]) > FORMAT_VERSION:
        raise ModelError(
            f"{path.name} has format {content['version']}; this version of SPINDLE reads up to {FORMAT_VERSION}. "
            "Update it."
        )
    if content.get("method") != kind:
        raise ModelError(f"{path.name} was learned for the method {content.get('method')}; {kind} was asked for.")
    try:
        method = KINDS[kind].from_parameters(EegUse(content["eeg_use"]), content["parameters"])
        return BaselineModel(method=method, card=read_card(content["card"]))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ModelError(f"{path.name} is a damaged model of {kind}: {_reason(error)}.") from error


def packaged_baseline(kind: str) -> BaselineModel:
    """Load what comes with the package, learned from simulated laboratories. Errors: ModelError where it is missing."""
    packaged = resources.files("spindle") / f"models/{kind}.json"
    if not packaged.is_file():
        raise ModelError(f"This installation holds no parameters of {kind}; name a file of your own.")
    with resources.as_file(packaged) as path:
        return load_baseline(path, kind)


def _content(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ModelError(f"There is no model file {path}.")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    # RecursionError: JSON nested thousands deep.
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path.name} is not a model of {', '.join(KINDS)}: it cannot be read as JSON.") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ModelError(f"{path.name} is not a model of {', '.join(KINDS)}.")
    if not isinstance(content.get("version"), int):
        raise ModelError(f"{path.name} is a damaged model: it does not say its format version.")
    return content


def _reason(error: Exception) -> str:
    return f"it lacks {error}" if isinstance(error, KeyError) else "it holds what no such model can hold"
