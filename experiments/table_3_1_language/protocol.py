"""The rows of the table, and what each budget spends on one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from experiments.common import real_data
from experiments.sequences import SequenceParts, SequenceRun
from experiments.table_3_1_language.measure import SentenceMeasure
from latentia.data import Split
from latentia.data.sequence_sets import SequenceSet
from latentia.data.text import PennTreebank
from latentia.data.vocabulary import Vocabulary
from latentia.layers.teacher_forcing import ForcingName
from latentia.models.recurrent_vae import ForcingConfig, RecurrentVAEConfig
from latentia.sequences import WordFormat
from latentia.training.sequence import SequenceTraining


@dataclass(frozen=True, kw_only=True)
class Row:
    """One way to keep a decoder from being told too much."""

    name: str
    kind: ForcingName = "full"
    rate: float = 0.0
    beta: float = 1.0
    """Of inferred dropout, eq. 3.7."""
    free_bits: float = 0.0
    cyclical: bool = False

    def model(self, size: RecurrentVAEConfig) -> RecurrentVAEConfig:
        """Give the model's configuration."""
        return replace(size, forcing=ForcingConfig(kind=self.kind, rate=self.rate))

    def training(self, common: SequenceTraining) -> SequenceTraining:
        """Give the training's settings."""
        changed = replace(common, dropout_weight=self.beta, free_bits=self.free_bits)
        if not self.cyclical:
            return changed
        steps = common.annealing_steps
        return replace(changed, annealing="cyclical", annealing_steps=max(1, steps // 2))


ROWS = {
    row.name: row
    for row in (
        Row(name="baseline"),
        Row(name="vanilla dropout 60 %", kind="dropout", rate=0.6),
        Row(name="vanilla dropout 70 %", kind="dropout", rate=0.7),
        Row(name="scheduled sampling 60 %", kind="scheduled_sampling", rate=0.6),
        Row(name="scheduled sampling 70 %", kind="scheduled_sampling", rate=0.7),
        Row(name="word dropout 50 %", kind="word_dropout", rate=0.5),
        Row(name="word dropout 60 %", kind="word_dropout", rate=0.6),
        Row(name="word dropout 70 %", kind="word_dropout", rate=0.7),
        Row(name="word dropout 80 %", kind="word_dropout", rate=0.8),
        Row(name="dynamic word dropout 60 %, β 60", kind="dynamic_word_dropout", rate=0.6, beta=60.0),
    )
}
BEYOND = {
    row.name: row
    for row in (
        Row(name="dynamic word dropout 60 %, β 1", kind="dynamic_word_dropout", rate=0.6),
        Row(name="dynamic word dropout 80 %, β 10", kind="dynamic_word_dropout", rate=0.8, beta=10.0),
        Row(name="free bits, 8 nats", free_bits=8.0),
        Row(name="cyclical annealing", cyclical=True),
    )
}
"""Rows that the thesis has not: other weights of its own sweep, and two remedies for unused variables beside it."""
FOUR = ("baseline", "word dropout 80 %", "dynamic word dropout 60 %, β 60", "dynamic word dropout 60 %, β 1")
"""What the claim is about, and dynamic dropout where it is cheap to learn what to drop."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What is spent on each row; the same on all."""

    model: RecurrentVAEConfig
    training: SequenceTraining
    seeds: int
    measure: SentenceMeasure
    rows: tuple[str, ...] = tuple(ROWS)
    """Rows from every seed; what they are compared by comes first."""
    once: tuple[str, ...] = ()
    """Rows from the first seed alone."""
    held_out: int | None = None
    """Choose the best weights by the first so many validation sentences alone."""
    trained_on: int | None = None
    """Train on the first so many sentences alone."""
    simulated: bool = False

    def runs(self, seed: int) -> list[SequenceRun]:
        """All trainings: every row from the first seed, then from the second and so on, and last what is done once."""
        pairs = [(name, seed + place) for place in range(self.seeds) for name in self.rows]
        pairs += [(name, seed) for name in self.once]
        return [
            SequenceRun(
                name=name,
                model=(ROWS | BEYOND)[name].model(self.model),
                training=(ROWS | BEYOND)[name].training(self.training),
                seed=one,
            )
            for name, one in pairs
        ]


BUDGETS = {
    "smoke": Budget(
        model=RecurrentVAEConfig(hidden=8, features=6, latent_size=3),
        training=SequenceTraining(steps=4, batch=16, annealing_steps=2, evaluate_steps=2),
        seeds=2,
        measure=SentenceMeasure(importance_samples=2, importance_sentences=8),
        once=("free bits, 8 nats", "cyclical annealing"),
        simulated=True,
    ),
    "hour": Budget(
        # The thesis' annealing of 9,000 steps ends long after these: where it does within them, KL falls below 6 nats
        # before the decoder has learned to ask for more.
        model=RecurrentVAEConfig(hidden=192, features=192),
        training=SequenceTraining(steps=4000, batch=32, evaluate_steps=500, checkpoint_steps=500),
        seeds=3,
        measure=SentenceMeasure(importance_samples=16, importance_sentences=500),
        rows=FOUR,
        once=(
            "word dropout 60 %",
            "dynamic word dropout 80 %, β 10",
            "vanilla dropout 60 %",
            "scheduled sampling 60 %",
            "free bits, 8 nats",
            "cyclical annealing",
        ),
        held_out=1000,
    ),
    "quarter": Budget(
        # As much as the hour, on a quarter of the sentences: twelve passes instead of three, in which a decoder that is
        # told everything learns the training sentences by heart, as in the thesis' passes over all of them.
        model=RecurrentVAEConfig(hidden=192, features=192),
        training=SequenceTraining(steps=4000, batch=32, evaluate_steps=500, checkpoint_steps=500),
        seeds=3,
        measure=SentenceMeasure(importance_samples=16, importance_sentences=500),
        rows=FOUR,
        held_out=1000,
        trained_on=10_517,
    ),
    "paper": Budget(
        # 30 passes of 329 batches, so that the annealing of 9,000 steps comes to its end.
        model=RecurrentVAEConfig(),
        training=SequenceTraining(passes=30, precision="bf16-mixed"),
        seeds=10,
        measure=SentenceMeasure(importance_samples=100, importance_sentences=3761),
        once=tuple(BEYOND),
    ),
}


def load_parts(budget: Budget) -> SequenceParts:
    """Load the sentences: the Penn Treebank, or made ones. Errors: DataError, SettingError where it is missing."""
    if budget.simulated:
        return _made()
    source = PennTreebank(folder=real_data() / "ptb")
    train, validation, test = (source.load(split) for split in (Split.TRAIN, Split.VALIDATION, Split.TEST))
    return SequenceParts(
        train=train if budget.trained_on is None else train.first(budget.trained_on),
        validation=validation if budget.held_out is None else validation.first(budget.held_out),
        test=test,
    )


def _made() -> SequenceParts:
    """Sentences of words that follow each other in order, from any first word on: sentences that need no file."""
    vocabulary = Vocabulary(words=("<eos>", "<unk>", *(f"word{number}" for number in range(20))))
    generator = np.random.default_rng(0)
    counts = {Split.TRAIN: 64, Split.VALIDATION: 12, Split.TEST: 12}
    parts = {}
    for split, count in counts.items():
        lengths = generator.integers(2, 9, count)
        firsts = generator.integers(0, 20, count)
        sentences = [
            [*(2 + (first + np.arange(length - 1)) % 20), 0] for first, length in zip(firsts, lengths, strict=True)
        ]
        parts[split] = SequenceSet(
            values=np.concatenate(sentences).astype(np.uint16),
            lengths=lengths.astype(np.int64),
            format=WordFormat(words=len(vocabulary), longest=9),
            name="made sentences",
            split=split,
            vocabulary=vocabulary,
        )
    return SequenceParts(train=parts[Split.TRAIN], validation=parts[Split.VALIDATION], test=parts[Split.TEST])
