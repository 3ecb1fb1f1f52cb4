"""How well sentences are said again: words at their places, and BLEU (thesis A, Table 3.1).

The thesis reports "a percentage of correctly predicted words" beside BLEU without teacher forcing, and does not say
whether the words are free-running too: `word_accuracy` is for free-running reconstructions, `told_word_accuracy` has
the words before told. Both leave the ends of sentences out, because nobody reads them as words: an end would give a
point to every sentence that is as long as the given one, whatever it says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from jaxtyping import Bool
from torch import Tensor
from torch.nn.functional import pad

from latentia.data.vocabulary import Vocabulary
from latentia.errors import DataError, SettingError
from latentia.evaluation_mode import blocks, evaluation_mode
from latentia.models.base import SequenceModel
from latentia.sequences import END, Sequences, WordFormat


def word_accuracy(given: Sequences, said: Sequences) -> float:
    """Share of all words of the given sentences at whose place in the sentence the reconstruction has the same word.

    It is of the whole corpus: a sentence weighs as much as it has words. Ends count nowhere; a word at whose place the
    reconstruction has ended is wrong, and words beyond the given sentence are not looked at.
    Errors: DataError where the numbers of sentences differ, or no given sentence has a word.
    """
    if len(given) != len(said):
        raise DataError(f"There are {len(given)} given sentences and {len(said)} reconstructions of them.")
    words = _words(given)
    steps = given.values.shape[1]
    answers = said.values.masked_fill(~said.mask, END)[:, :steps]
    answers = pad(answers, (0, steps - answers.shape[1]), value=END)
    right = words & (given.values == answers)
    return int(right.sum()) / _count(words)


def told_word_accuracy(model: SequenceModel, sequences: Sequences, *, batch: int = 64) -> float:
    """Share of all words that are the most probable ones after the true words before them, z at its posterior's mean.

    Errors: SettingError where the model is not of words; DataError where the sentences are not of its format, or none
    has a word.
    """
    if not isinstance(model.sequence_format, WordFormat):
        raise SettingError(f"Accuracy wants a model of words; this one is of {model.sequence_format}.")
    model.check(sequences)
    words, right = _count(_words(sequences)), 0
    with evaluation_mode(model) as device:
        for block in blocks(len(sequences), batch, "sequence"):
            part = sequences.at(block).to(device)
            latent = model.posterior(part).mean
            counted, state = _words(part), model.start(latent)
            for step in range(part.values.shape[1]):
                truth = part.values[:, step]
                right += int((counted[:, step] & (model.likeliest(state) == truth)).sum())
                state = model.advance(truth, state, latent)
    return right / words


@dataclass(frozen=True, kw_only=True)
class Bleu:
    """A score, and all that it depends on."""

    score: float
    """0 to 100."""
    signature: str
    """As sacreBLEU writes it; scores with different signatures are not comparable."""


def sacre_bleu(given: Sequence[str], said: Sequence[str], *, tokenize: Literal["13a", "none"] = "13a") -> Bleu:
    """Give BLEU of a corpus of lines, with the given ones as the only references (Post 2018).

    sacreBLEU's own defaults are used, since the thesis names no others. Its tokenisation 13a makes three tokens of
    `<unk>`, so that unknown words weigh more; `none` leaves words as the blanks part them.
    Errors: SettingError where sacreBLEU is not installed; DataError where there are no lines or their numbers differ.
    """
    if not given or len(given) != len(said):
        raise DataError(f"BLEU wants lines and as many reconstructions; it got {len(given)} and {len(said)}.")
    try:
        from sacrebleu.metrics.bleu import BLEU
    except ImportError as error:
        raise SettingError('sacreBLEU is not installed; pip install "latentia[text]" adds it.') from error
    # `force` only keeps it from warning of lines that are tokenised already, as the Penn Treebank's are.
    metric = BLEU(tokenize=tokenize, force=True)
    score = float(metric.corpus_score(list(said), [list(given)]).score)
    return Bleu(score=score, signature=str(metric.get_signature()))


def lines(sequences: Sequences, vocabulary: Vocabulary) -> list[str]:
    """Write sentences as lines of text, with blanks between the words and without their ends.

    Errors: DataError where a word is not of this vocabulary.
    """
    rows = zip(sequences.values.tolist(), sequences.lengths.tolist(), strict=True)
    return [" ".join(vocabulary.decode(row[:length])) for row, length in rows]


def _words(sequences: Sequences) -> Bool[Tensor, "batch steps"]:
    """True where there is a word that is no end."""
    words: Tensor = sequences.mask & (sequences.values != END)
    return words


def _count(words: Bool[Tensor, "batch steps"]) -> int:
    if not bool(words.any()):
        raise DataError("Accuracy wants one word at least; all sentences are empty.")
    return int(words.sum())
