"""A trained model of sequences in one safetensors file: its weights, what it is made from, its format, its words."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from latentia.data import Vocabulary
from latentia.errors import CheckpointError
from latentia.models.base import SequenceModel
from latentia.models.recurrent_vae import RecurrentVAEConfig
from latentia.randomness import seeded
from latentia.runs.choices import FORMATS, MODELS, ModelConfig
from latentia.runs.model_file import fitting, read_weights, write_weights
from latentia.runs.settings import plain_choice, read
from latentia.sequences import WordFormat

FORMAT = "latentia-sequence-model-1"


@dataclass(frozen=True, kw_only=True)
class SequenceModelFile:
    """What a model file of sequences holds."""

    model: SequenceModel
    vocabulary: Vocabulary | None
    """The words that the model's numbers stand for; None for frames."""


def save_sequence_model(
    model: SequenceModel, config: RecurrentVAEConfig, vocabulary: Vocabulary | None, path: Path
) -> None:
    """Write a model with the config that built it and its words, so that it can be used without its data.

    Errors: OSError where `path` cannot be written.
    """
    metadata = {
        "model": json.dumps(plain_choice(MODELS, config)),
        "sequences": json.dumps(plain_choice(FORMATS, model.sequence_format)),
    }
    if vocabulary is not None:
        metadata["words"] = json.dumps(vocabulary.words, ensure_ascii=False)
    write_weights(model, path, FORMAT, metadata)


def load_sequence_model(path: Path, wanted: ModelConfig | None = None) -> SequenceModelFile:
    """Read a model, on the CPU and in evaluation mode.

    `wanted` is the configuration that it should have been made by, where that is known. Errors: CheckpointError where
    the file is missing, damaged, not a model of sequences of this version, or another one than wanted.
    """
    metadata, weights = read_weights(path, FORMAT, "model of sequences")
    with fitting(path):
        config = read(MODELS, json.loads(metadata["model"]), "model")
        if not isinstance(config, RecurrentVAEConfig):
            raise ValueError("a model of images")
        form = read(FORMATS, json.loads(metadata["sequences"]), "sequences")
        vocabulary = Vocabulary(words=tuple(json.loads(metadata["words"]))) if isinstance(form, WordFormat) else None
        if isinstance(form, WordFormat) and (vocabulary is None or len(vocabulary) != form.words):
            raise ValueError("another vocabulary")
        with seeded(0):  # the first weights, which are replaced, shall not move the caller's random state
            model = config.build(form)
        model.load_state_dict(weights)
    if wanted is not None and config != wanted:
        raise CheckpointError(f"{path} is another model than its run's configuration describes.")
    return SequenceModelFile(model=model.eval(), vocabulary=vocabulary)
