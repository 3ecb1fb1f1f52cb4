"""A run from its configuration to its model: what `latentia train` does, for programs too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from latentia.data import DataSet, SequenceSet
from latentia.runs.choices import SequenceData
from latentia.runs.configuration import Configuration
from latentia.runs.folder import RunFolder
from latentia.runs.image_subject import ImageSubject
from latentia.runs.sequence_subject import SequenceSubject
from latentia.training import Outcome, Progress, Task, fit

Subject = ImageSubject | SequenceSubject
AnySet = DataSet | SequenceSet


def train(
    configuration: Configuration,
    folder: Path,
    *,
    resume: bool = False,
    pictures: bool = True,
    on_data: Callable[[AnySet, AnySet], None] = lambda training, validation: None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Outcome:
    """Train a model and keep it in `folder`, with all that it takes to do so again.

    After each evaluation the folder has another line of history, and pictures of samples and reconstructions by the
    weights that were evaluated, or sentences and what the model makes of them; where these weights are the best so far,
    they become the folder's model. With `resume`, an interrupted run goes on and ends with the weights that an
    uninterrupted one would have, to the bit on the same machine; where nothing was begun, it begins. `on_data` is told
    of the data before the first step. Of several processes (`torchrun`), the first alone writes.

    Errors: DataError and SettingError for data and settings that do not fit, before anything is written; OutputError
    and OSError where the folder cannot be written; CheckpointError where its checkpoint is damaged; TrainingError
    where the loss stays not finite.
    """
    place = RunFolder(path=folder)
    place.check(configuration, resume=resume)
    of_sequences = isinstance(configuration.data, SequenceData)
    subject: Subject = SequenceSubject.of(configuration) if of_sequences else ImageSubject.of(configuration)
    task: Task[Any] = subject.task()
    data = {str(one.split): one.sha256 for one in (subject.training, subject.validation)}
    place.check_data(data)
    on_data(subject.training, subject.validation)
    keeper = _Keeper(
        configuration=configuration,
        folder=place,
        data=data,
        subject=subject,
        pictures=pictures,
        on_progress=on_progress,
    )
    return fit(
        task,
        configuration.training.loop(configuration.seed),
        checkpoint=place.checkpoint,
        resume=resume,
        on_progress=keeper.keep,
        on_evaluation=keeper.keep_model,
    )


@dataclass(kw_only=True)
class _Keeper:
    """Writes to the folder of a run what its training reports."""

    configuration: Configuration
    folder: RunFolder
    data: Mapping[str, str]
    subject: Subject
    pictures: bool
    on_progress: Callable[[Progress], None]
    claimed: bool = field(default=False, init=False)

    def keep(self, progress: Progress) -> None:
        """Take a report of the loop. The first one says that training has begun: until then nothing is written."""
        if not self.claimed:
            self.folder.claim(self.configuration, self.data)
            self.claimed = True
        if progress.evaluation is not None:
            self.folder.write_history(progress.history)
        self.on_progress(progress)

    def keep_model(self, module: nn.Module, progress: Progress) -> None:
        """Keep weights that were evaluated, if they are the best, and draw with them."""
        if progress.is_best:
            self.subject.save(module, self.folder.model)
        if self.pictures:
            self.subject.draw(module, self.folder.pictures, f"{progress.run_step:08d}")
