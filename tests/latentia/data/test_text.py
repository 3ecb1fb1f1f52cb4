from __future__ import annotations

import gzip
import lzma
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from latentia.data import text
from latentia.data.images import Split
from latentia.data.sequence_sets import SequenceSet, SequenceSource, ShuffledSequences
from latentia.data.text import PennTreebank, TextFile, encode_sentences, read_sentences
from latentia.data.vocabulary import Vocabulary
from latentia.errors import DataError, SettingError
from latentia.sequences import UNKNOWN, Sequences, WordFormat

LINES = ["a b c", "", "a b", "  a  ", "d d d d e", "a f", "g"]


def words_of(sentences: SequenceSet) -> list[str]:
    """The sentences as text again."""
    assert sentences.vocabulary is not None
    whole = sentences.sequences(slice(None))
    return [" ".join(sentences.vocabulary.decode(numbers)) for numbers in whole.values.tolist()]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "lines.txt").write_text("\n".join(LINES) + "\n", encoding="utf-8")
    return tmp_path / "lines.txt"


def test_the_last_sentences_are_held_out_and_the_vocabulary_is_of_the_others(file: Path) -> None:
    source = TextFile(train=file, validation=1, test=1)
    assert isinstance(source, SequenceSource)
    train, held_out, test = map(source.load, Split)
    assert words_of(train) == ["a b c", "a b", "a", "d d d d e"]
    assert words_of(held_out) == ["a <unk>"]
    assert words_of(test) == ["<unk>"]
    assert train.vocabulary == held_out.vocabulary == test.vocabulary
    assert train.vocabulary is not None
    assert train.vocabulary.words == ("<eos>", "<unk>", "d", "a", "b", "c", "e")
    assert train.lengths.tolist() == [4, 3, 2, 6]
    assert train.left_out == {"empty lines": 1}
    assert train.name == "lines"
    assert train.format == test.format
    assert train.format.longest == 6


def test_parts_may_be_files_of_their_own(file: Path, tmp_path: Path) -> None:
    (tmp_path / "valid.txt.gz").write_bytes(gzip.compress(b"a new b\r\n\r\n"))
    source = TextFile(train=file, validation=tmp_path / "valid.txt.gz", test=2)
    assert words_of(source.load(Split.VALIDATION)) == ["a <unk> b"]
    assert source.load(Split.VALIDATION).left_out == {"empty lines": 1}
    assert words_of(source.load(Split.TEST)) == ["a <unk>", "<unk>"]
    assert len(source.load(Split.TRAIN)) == 4


def test_rare_words_become_the_unknown_word(file: Path) -> None:
    assert words_of(TextFile(train=file, least=2).load(Split.TRAIN))[0] == "a b <unk>"
    cut = TextFile(train=file, words=4).load(Split.TRAIN)
    assert cut.vocabulary is not None
    assert cut.vocabulary.words == ("<eos>", "<unk>", "a", "d")


def test_long_sentences_are_left_out_of_training_alone(file: Path, tmp_path: Path) -> None:
    """Their words stay in the vocabulary, and those that are evaluated are all whole."""
    (tmp_path / "valid.txt").write_text("a d d d d d e\n")
    source = TextFile(train=file, validation=tmp_path / "valid.txt", longest=4)
    train, held_out = source.load(Split.TRAIN), source.load(Split.VALIDATION)
    assert "d d d d e" not in words_of(train)
    assert train.lengths.max() == train.format.longest == 4
    assert train.left_out == {"empty lines": 1, "sentences of more than 4 steps": 1}
    assert words_of(held_out) == ["a d d d d d e"]
    assert held_out.format.longest == 8


def test_a_vocabulary_of_more_words_than_16_bits_number_is_kept_whole(tmp_path: Path) -> None:
    (tmp_path / "many.txt").write_text("\n".join(f"w{number:05}" for number in range(70_000)))
    many = TextFile(train=tmp_path / "many.txt").load(Split.TRAIN)
    assert words_of(many.at(np.array([69_999]))) == ["w69999"]
    assert many.values.max() == 70_001


@pytest.mark.parametrize(
    ("content", "changes", "message"),
    [
        (None, {}, r"^There is no file .*text.txt, which should hold sentences\.$"),
        (b" \n\n", {}, r"text.txt has no sentences; wanted one a line, with blanks between words\.$"),
        (b"", {}, r"text.txt has no sentences"),
        (b"a b\nna\xefve\n", {}, r"text.txt should hold sentences as UTF-8 text; its byte 6 is not UTF-8\.$"),
        (b"a\nb <eos>\n", {}, r"^Line 2 of .*text.txt has the word '<eos>', which stands for the end"),
        (b"a\nb\n", {"validation": 2}, r"^text has 2 training sentences; 2 of them cannot be kept for validation\.$"),
        (b"a b c\n", {"longest": 3}, r"^All 1 training sentences of text have more steps than longest, 3\.$"),
    ],
)
def test_files_that_cannot_serve_are_named(
    tmp_path: Path, content: bytes | None, changes: dict[str, Any], message: str
) -> None:
    if content is not None:
        (tmp_path / "text.txt").write_bytes(content)
    with pytest.raises(DataError, match=message):
        TextFile(train=tmp_path / "text.txt", **changes).load(Split.TRAIN)


@pytest.mark.parametrize("split", [Split.VALIDATION, Split.TEST])
def test_a_part_that_was_not_asked_for_is_not_there(file: Path, split: Split) -> None:
    with pytest.raises(DataError, match=rf"^lines has no {split} sentences of its own: say how many to keep"):
        TextFile(train=file).load(split)


@pytest.mark.parametrize("make", [TextFile, PennTreebank])
def test_a_longest_sentence_without_steps_is_refused(tmp_path: Path, make: Callable[..., Any]) -> None:
    place = {"train": tmp_path} if make is TextFile else {"folder": tmp_path}
    with pytest.raises(SettingError, match=r"^longest must be 1 step or more, .*; it is 0\.$"):
        make(**place, longest=0)


TREEBANK = {
    "ptb.train.txt": b" N <unk> shares \n shares rose \n",
    "ptb.valid.txt": b" shares fell \n",
    "ptb.test.txt": b" N shares \n",
}


@pytest.mark.parametrize(("end", "pack"), [("", bytes), (".xz", lzma.compress), (".gz", gzip.compress)])
def test_mikolovs_files_are_read_packed_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str, pack: Callable[[bytes], bytes]
) -> None:
    monkeypatch.setattr(text, "CONTENTS", {name: sha256(content).hexdigest() for name, content in TREEBANK.items()})
    for name, content in TREEBANK.items():
        (tmp_path / f"{name}{end}").write_bytes(pack(content))
    train, held_out, test = map(PennTreebank(folder=tmp_path).load, Split)
    assert words_of(train) == ["N <unk> shares", "shares rose"]
    assert words_of(held_out) == ["shares <unk>"]
    assert words_of(test) == ["N shares"]
    assert train.sequences(slice(1)).values[0, 1] == UNKNOWN
    assert train.source is not None


def test_other_files_of_the_same_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^There is no folder .*, where Penn Treebank should be\.$"):
        PennTreebank(folder=tmp_path / "none").load(Split.TRAIN)
    with pytest.raises(DataError, match=r"holds no ptb.train.txt, nor one packed"):
        PennTreebank(folder=tmp_path).load(Split.TRAIN)
    (tmp_path / "ptb.train.txt").write_bytes(TREEBANK["ptb.train.txt"])
    with pytest.raises(DataError, match=r"^ptb.train.txt is not Mikolov's, or is damaged: its sha256 is"):
        PennTreebank(folder=tmp_path).load(Split.TRAIN)


@pytest.mark.real_data
def test_the_real_treebank_has_mikolovs_counts(real_data: Path) -> None:
    """Mikolov et al. (2010): 10,000 words with the end of a sentence; 929,589, 73,760 and 82,430 words in the parts."""
    parts = [PennTreebank(folder=real_data / "ptb").load(split) for split in Split]
    assert [len(part) for part in parts] == list(text.PENN_TREEBANK.counts.values())
    assert [int(part.lengths.sum()) for part in parts] == [929_589, 73_760, 82_430]
    assert {part.format for part in parts} == {WordFormat(words=10_000, longest=83)}
    assert all("N" in part.vocabulary.words for part in parts if part.vocabulary is not None)
    assert words_of(parts[2].first(1)) == ["no it was n't black monday"]
    assert int((parts[0].values == UNKNOWN).sum()) == 45_020


@pytest.mark.real_data
def test_batches_of_the_real_treebank_hold_little_padding(real_data: Path) -> None:
    """5% of the steps; without sorting by length it would be 60%."""
    train = PennTreebank(folder=real_data / "ptb").load(Split.TRAIN)

    def padding(window: int) -> float:
        batches = ShuffledSequences(sequence_set=train, batch=128, seed=0, window=window)
        whole = [Sequences.of(batch) for batch in batches.of_pass(0)]
        return 1 - sum(int(batch.lengths.sum()) for batch in whole) / sum(batch.values.numel() for batch in whole)

    assert padding(ShuffledSequences.window) < 0.06 < 0.5 < padding(1)


def test_sentences_of_a_file_are_read_and_encoded_in_the_words_of_another(tmp_path: Path) -> None:
    path = tmp_path / "own.txt"
    path.write_text("a cat\n\n\na dog sat there\n", encoding="utf-8")
    sentences, empty = read_sentences(path)
    assert sentences == [["a", "cat"], ["a", "dog", "sat", "there"]] and empty == 2
    vocabulary = Vocabulary(words=("<eos>", "<unk>", "a", "sat", "cat"))
    encoded = encode_sentences(sentences, vocabulary)
    assert encoded.values.tolist() == [[2, 4, 0, 0, 0], [2, 1, 3, 1, 0]] and encoded.lengths.tolist() == [3, 5]
    with pytest.raises(DataError, match="There are 0 sequences"):
        encode_sentences([], vocabulary)
