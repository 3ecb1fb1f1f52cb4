"""What a training is about where it is about sentences or clips: data, task, model file and what is shown of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from latentia.data import SequenceSet, ShuffledSequences, Split
from latentia.evaluation.sequences import reconstruct_freely
from latentia.evaluation.text import lines
from latentia.files import atomic_path
from latentia.models.base import SequenceModel
from latentia.models.recurrent_vae import RecurrentVAEConfig
from latentia.randomness import seeded
from latentia.runs.configuration import Configuration
from latentia.runs.sequence_file import save_sequence_model
from latentia.sequences import VideoFormat
from latentia.training import Task
from latentia.training.sequence import SequenceTraining, sequence_task
from latentia.uses import draw_strips, write_png

SENTENCES, CLIPS = 16, 6
"""Of the validation data, so many are shown with what the model makes of them."""


@dataclass(frozen=True, kw_only=True)
class SequenceSubject:
    """Sequences to train on and to validate with; `ImageSubject` answers the same questions."""

    configuration: Configuration
    training: SequenceSet
    validation: SequenceSet

    @staticmethod
    def of(configuration: Configuration) -> SequenceSubject:
        """Load the data. Errors: DataError."""
        training, validation = (configuration.sequences(split) for split in (Split.TRAIN, Split.VALIDATION))
        return SequenceSubject(configuration=configuration, training=training, validation=validation)

    def task(self) -> Task[dict[str, Tensor]]:
        """Make the model and its task. Errors: DataError and SettingError where data and settings do not fit."""
        settings, seed = self.configuration.training, self.configuration.seed
        assert isinstance(settings, SequenceTraining)  # as configurations see to
        batches = ShuffledSequences(sequence_set=self.training, batch=settings.batch, seed=seed)
        with seeded(seed):
            model = self._config.build(self.training.format)
        model.begin_at(self.training.sequences(slice(settings.batch)))
        return sequence_task(model, batches, self.validation.sequences(slice(None)), settings)

    def save(self, module: nn.Module, path: Path) -> None:
        """Write the model file, which holds the vocabulary too. Errors: OSError."""
        assert isinstance(module, SequenceModel)
        save_sequence_model(module, self._config, self.training.vocabulary, path)

    def draw(self, module: nn.Module, folder: Path, name: str) -> None:
        """Show some sequences and what the model says of them without teacher forcing: as text, or as strips.

        Errors: OSError.
        """
        assert isinstance(module, SequenceModel)
        vocabulary, form = self.training.vocabulary, module.sequence_format
        given = self.validation.sequences(slice(CLIPS if vocabulary is None else SENTENCES))
        said = reconstruct_freely(module, given)
        folder.mkdir(exist_ok=True)
        if isinstance(form, VideoFormat):
            strips = draw_strips({"clip": given, "reconstruction": said}, form.frame.levels)
            write_png(strips, folder / f"reconstructions-{name}.png")
            return
        assert vocabulary is not None  # as sets of sentences see to
        text = in_pairs(lines(given, vocabulary), lines(said, vocabulary))
        with atomic_path(folder / f"reconstructions-{name}.txt") as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")

    @property
    def _config(self) -> RecurrentVAEConfig:
        config = self.configuration.model
        assert isinstance(config, RecurrentVAEConfig)  # as configurations see to
        return config


def in_pairs(given: Sequence[str], said: Sequence[str]) -> str:
    """Write each sentence above what the model makes of it."""
    pairs = zip(given, said, strict=True)
    return "\n".join(f"sentence        {one}\nreconstruction  {other}\n" for one, other in pairs)
