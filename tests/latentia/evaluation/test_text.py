"""Accuracy and BLEU of sentences, against counts by hand."""

from __future__ import annotations

import sys

import pytest
import torch
from tests.latentia.models.recurrent_models import VIDEO, make

from latentia.data import Vocabulary
from latentia.errors import DataError, SettingError
from latentia.evaluation.sequences import reconstruct_freely
from latentia.evaluation.text import lines, sacre_bleu, told_word_accuracy, word_accuracy
from latentia.sequences import END, Sequences

PADDINGS = (0, 2, 3)


def of(*sentences: list[int], padding: int = END) -> Sequences:
    lengths = torch.tensor([len(one) for one in sentences])
    rows = [one + [padding] * (int(lengths.max()) - len(one)) for one in sentences]
    return Sequences(values=torch.tensor(rows), lengths=lengths)


GIVEN = ([2, 3, 2, END], [3, END], [END], [1, 2, 3, 3, 2, END])


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("other", PADDINGS)
def test_accuracy_counts_the_same_words_at_the_same_places(padding: int, other: int) -> None:
    """Of nine words: 2 · · of the first, the second, none of the empty one, 1 · 3 of the last."""
    given = of(*GIVEN, padding=padding)
    said = of([2, 2, 3, END], [3, 2, 3, END], [3, END], [1, 3, 3, END], padding=other)
    assert word_accuracy(given, said) == pytest.approx(4 / 9)


def test_accuracy_is_one_of_the_same_sentences_and_zero_of_empty_ones() -> None:
    given = of(*GIVEN)
    assert word_accuracy(given, given) == 1
    assert word_accuracy(given, of(*[[END]] * 4)) == 0
    longer = of(*[[*one[:-1], 2, 2, 2, 2, 2, END] for one in GIVEN])
    assert word_accuracy(given, longer) == 1  # what is said beyond the end of a sentence is BLEU's to find


def test_ends_that_agree_are_no_words_that_agree() -> None:
    assert word_accuracy(of([2, END]), of([3, END])) == 0


def test_told_accuracy_is_that_of_each_word_after_the_true_ones() -> None:
    model, right = make(seed=4), 0
    model.eval()
    for sentence in GIVEN:
        one = of(sentence)
        with torch.no_grad():
            latent = model.posterior(one).mean
            for step, word in enumerate(sentence[:-1]):
                states = model.decoder(
                    model.steps.embed(torch.tensor(sentence[:step], dtype=torch.int64))[None], latent
                ).states
                right += int(model.likeliest(states[:, -1])) == word
    assert 0 < right < 9
    for padding in PADDINGS:
        for batch in (1, 3, 64):
            assert told_word_accuracy(model, of(*GIVEN, padding=padding), batch=batch) == pytest.approx(right / 9)


def test_a_model_agrees_with_what_it_says_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    model, given = make(seed=4), of(*GIVEN)
    said = reconstruct_freely(model, given)
    assert said.lengths.tolist() != [1, 1, 1, 1]
    posterior = model.posterior(given)
    monkeypatch.setattr(model, "posterior", lambda sequences: posterior)
    assert told_word_accuracy(model, said) == 1


def test_lines_have_words_up_to_the_end() -> None:
    vocabulary = Vocabulary(words=("<eos>", "<unk>", "the", "cat"))
    assert lines(of([2, 3, 1, END], [END], [3, 3], padding=3), vocabulary) == ["the cat <unk>", "", "cat cat"]
    with pytest.raises(DataError, match="A vocabulary of 4 words has no number 4"):
        lines(of([4, END]), vocabulary)


def test_bleu_of_a_corpus_is_what_its_formula_gives() -> None:
    """Papineni et al. 2002: all words but one of ten agree; of 8, 6 and 4 n-grams, those without it."""
    given = ["a b c d e", "f g h i j"]
    assert sacre_bleu(given, given).score == pytest.approx(100)
    found = sacre_bleu(given, ["a b c d x", "f g h i j"], tokenize="none")
    precisions = [9 / 10, 7 / 8, 5 / 6, 3 / 4]
    assert found.score == pytest.approx(100 * torch.tensor(precisions).double().log().mean().exp().item())
    short = sacre_bleu(given, ["a b c d", "f g h i j"], tokenize="none")
    assert short.score == pytest.approx(100 * torch.tensor(1 - 10 / 9).double().exp().item())


def test_a_score_says_what_it_depends_on() -> None:
    signature = sacre_bleu(["a b c d"], ["a b c d"]).signature
    assert "tok:13a" in signature and "smooth:exp" in signature and "version:" in signature
    assert "tok:none" in sacre_bleu(["a b c d"], ["a b c d"], tokenize="none").signature
    assert sacre_bleu(["a b"], [""]).score == 0


def test_unknown_words_weigh_more_with_the_default_tokens() -> None:
    given, said = ["a b c d <unk> <unk>"], ["a b c x <unk> <unk>"]
    assert sacre_bleu(given, said).score > sacre_bleu(given, said, tokenize="none").score


def test_what_cannot_be_measured_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"^There are 4 given sentences and 1 reconstructions of them\.$"):
        word_accuracy(of(*GIVEN), of([END]))
    with pytest.raises(DataError, match=r"^Accuracy wants one word at least; all sentences are empty\.$"):
        word_accuracy(of([END]), of([2, END]))
    with pytest.raises(SettingError, match="Accuracy wants a model of words; this one is of clips"):
        told_word_accuracy(make(VIDEO), of(*GIVEN))
    with pytest.raises(DataError, match=r"^BLEU wants lines and as many reconstructions; it got 2 and 1\.$"):
        sacre_bleu(["a", "b"], ["a"])
    with pytest.raises(DataError, match="it got 0 and 0"):
        sacre_bleu([], [])
    monkeypatch.setitem(sys.modules, "sacrebleu.metrics.bleu", None)
    with pytest.raises(SettingError, match=r'^sacreBLEU is not installed; pip install "latentia\[text\]" adds it\.$'):
        sacre_bleu(["a"], ["a"])
