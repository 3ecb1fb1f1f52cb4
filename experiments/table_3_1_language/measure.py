"""What is measured of a trained model: the columns of the table, and what its text says of words and sentences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from experiments.sequences import SequenceParts
from latentia.data.sequence_sets import SequenceSet
from latentia.data.vocabulary import Vocabulary
from latentia.evaluation.latent_information import latent_information
from latentia.evaluation.sequences import (
    evaluate_sequences,
    importance_weighted_sequences,
    posteriors,
    reconstruct_freely,
)
from latentia.evaluation.text import lines, sacre_bleu, told_word_accuracy, word_accuracy
from latentia.models.base import SequenceModel
from latentia.randomness import seeded
from latentia.sequences import Sequences
from latentia.uses import keep_probabilities

QUOTED = (
    "who is going to be in the space next door",
    "this has both made investors uneasy and the corporations more vulnerable",
    "although they represent only N N of the population they control nearly one-third of discretionary income",
    "the economy does however depend on the confidence of businesses consumers and foreign investors",
    "if they could n't sell some of them put the shares back on the shelf",
    "proceeds will be used to eliminate and restructure bank debt",
    "pricing details were n't immediately available",
    "the announcement caused the company 's stock to surge $ N to close at $ N a share",
)
"""Sentences that Tables 3.2 and 3.3 quote."""
TENTHS = 10
COMMON_WORDS = 40


@dataclass(frozen=True, kw_only=True)
class SentenceMeasure:
    """How test sentences are measured."""

    importance_samples: int
    importance_sentences: int
    """The likelihood is measured of the first so many test sentences."""
    batch: int = 64

    def __call__(self, model: SequenceModel, parts: SequenceParts, seed: int) -> dict[str, Any]:
        """Measure a model of sentences."""
        test, vocabulary = parts.test, parts.test.vocabulary
        assert vocabulary is not None
        # Like lengths together: less padding.
        sentences = test.at(np.argsort(test.lengths, kind="stable")).sequences(slice(None))
        figures = evaluate_sequences(model, sentences, batch=self.batch, seed=seed)
        said = reconstruct_freely(model, sentences, batch=self.batch)
        bleu = sacre_bleu(lines(sentences, vocabulary), lines(said, vocabulary))
        result = {
            "negative_elbo": figures.negative_elbo,
            "reconstruction": figures.reconstruction,
            "divergence": figures.mean_divergence,
            "accuracy": 100 * word_accuracy(sentences, said),
            "told_accuracy": 100 * told_word_accuracy(model, sentences, batch=self.batch),
            "bleu": bleu.score,
            "bleu_signature": bleu.signature,
            "kept": 1 - figures.mean_drop,
            **self._likelihood(model, test, seed),
            **self._usage(model, sentences, seed),
            "quoted": _quoted(model, vocabulary),
        }
        dynamic = bool(figures.dropout_divergence.abs().sum() > 0)
        return result | (_what_is_kept(model, sentences, vocabulary, self.batch) if dynamic else {})

    def _likelihood(self, model: SequenceModel, test: SequenceSet, seed: int) -> dict[str, Any]:
        some = test.first(self.importance_sentences).sequences(slice(None))
        found = importance_weighted_sequences(model, some, samples=self.importance_samples, batch=128, seed=seed)
        return {"negative_log_likelihood": found.negative_log_likelihood, "perplexity": found.perplexity}

    def _usage(self, model: SequenceModel, sentences: Sequences, seed: int) -> dict[str, Any]:
        together = posteriors(model, sentences, batch=self.batch)
        with seeded(seed):
            found = latent_information(together, draws=2)
        return {
            "information": found.information,
            "information_ceiling": found.ceiling,
            "active_units": int(found.units.active.sum()),
            "units": found.units.active.numel(),
        }


def _quoted(model: SequenceModel, vocabulary: Vocabulary) -> list[dict[str, Any]]:
    """Say the thesis' own sentences again; how likely each word is kept beside."""
    rows = [torch.tensor(vocabulary.encode(sentence.split())) for sentence in QUOTED]
    given = Sequences(
        values=torch.nn.utils.rnn.pad_sequence(rows, batch_first=True),
        lengths=torch.tensor([len(row) for row in rows]),
    )
    said = lines(reconstruct_freely(model, given), vocabulary)
    keep = keep_probabilities(model, given)
    # The last word but one of a sentence is the last that is fed: its end is fed to nothing.
    return [
        {"sentence": line, "said": again, "keep": [round(one, 4) for one in row[: length - 1].tolist()]}
        for line, again, row, length in zip(QUOTED, said, keep, given.lengths.tolist(), strict=True)
    ]


def _what_is_kept(model: SequenceModel, sentences: Sequences, vocabulary: Vocabulary, batch: int) -> dict[str, Any]:
    """How likely words are kept by their place in the sentence, in tenths, and for the commonest words."""
    keep = keep_probabilities(model, sentences, batch=batch)
    fed = ~keep.isnan()
    places = torch.arange(keep.shape[1]) / (sentences.lengths[:, None] - 1).clamp(min=1)
    tenths = (places * TENTHS).long().clamp(max=TENTHS - 1)
    words = sentences.values[fed]
    counts = torch.bincount(words, minlength=len(vocabulary))
    sums = torch.zeros(len(vocabulary), dtype=torch.float64).index_add_(0, words, keep[fed].double())
    common = counts.argsort(descending=True)[:COMMON_WORDS]
    common = common[counts[common] > 0]
    return {
        "keep_by_tenth": [_mean(keep[fed & (tenths == tenth)]) for tenth in range(TENTHS)],
        "keep_by_word": {
            vocabulary.words[word]: round(float(sums[word] / counts[word]), 4) for word in common.tolist()
        },
        "keep_of_other_words": _mean_of_others(sums, counts, common),
    }


def _mean(values: Float[Tensor, " values"]) -> float | None:
    return round(float(values.mean()), 4) if len(values) else None


def _mean_of_others(sums: Tensor, counts: Tensor, common: Tensor) -> float | None:
    rest = counts.clone()
    rest[common] = 0
    return round(float(sums[rest > 0].sum() / rest.sum()), 4) if int(rest.sum()) else None
