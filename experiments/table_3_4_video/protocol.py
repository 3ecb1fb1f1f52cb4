"""The rows of the table, and what each budget spends on one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from experiments.common import real_data
from experiments.sequences import TOLD, SequenceParts, SequenceRun
from experiments.table_3_4_video.measure import ClipMeasure
from latentia.data import KTH, BouncingBalls, NpzClips, SequenceSet, SequenceSource, Split
from latentia.layers.teacher_forcing import ForcingName
from latentia.models.recurrent_vae import ForcingConfig, RecurrentVAEConfig
from latentia.training.sequence import SequenceTraining

BASELINE, DYNAMIC = "baseline", "dynamic scheduled sampling 60 %, β 10"
OURS = "dynamic word dropout 60 %, β 10"
"""A row that the thesis has not: the variant that it found best for text."""
EVERY_STEP = 2000
"""Points of the curve of what is dropped where that is inferred: in the hour all of its steps, as in Figure 3.6."""
VIDEOS = ("carphone_120x144x176_gray", "bikes_250x68x160_gray")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One way to keep a decoder from being told too much."""

    name: str
    kind: ForcingName = "full"
    rate: float = 0.0
    beta: float = 1.0
    """Of inferred dropout, eq. 3.7."""

    @property
    def inferred(self) -> bool:
        """Whether what is dropped is inferred."""
        return self.kind.startswith("dynamic")

    def forcing(self) -> ForcingConfig:
        """Give the regulation; the probability goes by z alone, as the thesis has it for video (3.4.4)."""
        return ForcingConfig(kind=self.kind, rate=self.rate, context=("latent",))


ROWS = {
    row.name: row
    for row in (
        Row(name=BASELINE),
        Row(name="scheduled sampling 70 %", kind="scheduled_sampling", rate=0.7),
        Row(name="vanilla dropout 10 %", kind="dropout", rate=0.1),
        Row(name="word dropout 50 %", kind="word_dropout", rate=0.5),
        Row(name=DYNAMIC, kind="dynamic_scheduled_sampling", rate=0.6, beta=10.0),
        Row(name=OURS, kind="dynamic_word_dropout", rate=0.6, beta=10.0),
    )
}


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What is spent on each row; the same on all."""

    model: RecurrentVAEConfig
    training: SequenceTraining
    seeds: int
    measure: ClipMeasure
    size: int
    """Height and width of a frame."""
    frames: int = 20
    held_out: int = 0
    """Frames at the end of each video to test on, and as many before them to choose weights by; 0 where whole videos
    are held out."""
    simulated: bool = False

    def runs(self, seed: int) -> list[SequenceRun]:
        """All trainings: every row from the first seed, then from the second and so on."""
        return [
            SequenceRun(
                name=row.name,
                model=replace(self.model, forcing=row.forcing()),
                training=replace(self.training, dropout_weight=row.beta),
                seed=seed + place,
                told=EVERY_STEP if row.inferred else TOLD,
            )
            for place in range(self.seeds)
            for row in ROWS.values()
        ]


BUDGETS = {
    "smoke": Budget(
        model=RecurrentVAEConfig(hidden=6, latent_size=3, features=5),
        training=SequenceTraining(steps=4, batch=8, learning_rate=0.001, annealing="none", evaluate_steps=2),
        seeds=2,
        measure=ClipMeasure(shown=1),
        size=12,
        frames=4,
        simulated=True,
    ),
    "hour": Budget(
        model=RecurrentVAEConfig(hidden=128, latent_size=32, features=128),
        training=SequenceTraining(
            steps=800,
            batch=16,
            learning_rate=0.001,
            learning_rate_decay=0.9995,
            annealing="none",
            evaluate_steps=50,
        ),
        seeds=3,
        measure=ClipMeasure(),
        size=16,
        held_out=26,
    ),
    "paper": Budget(
        model=RecurrentVAEConfig(latent_size=128),
        training=SequenceTraining(
            passes=500,
            batch=128,
            learning_rate=0.001,
            learning_rate_decay=0.9995,
            annealing="none",
            patience=25,
        ),
        seeds=10,
        measure=ClipMeasure(),
        size=64,
    ),
}


def load_parts(budget: Budget) -> SequenceParts:
    """Load the clips of a budget. Errors: DataError, SettingError where they are missing.

    Of KTH the validation clips are measured, as in the thesis, which has no others.
    """
    if budget.simulated:
        balls = BouncingBalls(train=32, validation=8, test=8, frames=budget.frames, size=budget.size, bits=8)
        return _parts([balls])
    if not budget.held_out:
        kth = KTH(folder=real_data() / "kth", size=budget.size, frames=budget.frames)
        train, validation = (kth.load(split) for split in (Split.TRAIN, Split.VALIDATION))
        return SequenceParts(train=train, validation=validation, test=validation)
    folder = real_data() / "video"
    return _parts(
        [
            NpzClips(
                file=folder / f"{name}.npz",
                frames=budget.frames,
                stride=1,
                size=budget.size,
                validation=budget.held_out,
                test=budget.held_out,
            )
            for name in VIDEOS
        ]
    )


def _parts(sources: list[SequenceSource]) -> SequenceParts:
    splits = (Split.TRAIN, Split.VALIDATION, Split.TEST)
    train, validation, test = (_together([source.load(split) for source in sources]) for split in splits)
    return SequenceParts(train=train, validation=validation, test=test)


def _together(sets: list[SequenceSet]) -> SequenceSet:
    """Make one set of those of several files; its labels say the file."""
    return replace(
        sets[0],
        values=np.concatenate([one.values for one in sets]),
        lengths=np.concatenate([one.lengths for one in sets]),
        name="; ".join(one.name for one in sets),
        labels=np.repeat(np.arange(len(sets)), [len(one) for one in sets]),
    )
