"""Sentences from text files, a sentence a line: your own, and the Penn Treebank."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from latentia.data.files import existing_folder, read_bytes
from latentia.data.images import Source, Split, part_of_all
from latentia.data.sequence_sets import SequenceSet
from latentia.data.vocabulary import END_WORD, Vocabulary, read_text
from latentia.errors import DataError, SettingError
from latentia.sequences import END, Sequences, WordFormat

Sentence = list[str]

PENN_TREEBANK = Source(
    title="Penn Treebank, as preprocessed by Mikolov et al. (2010)",
    origin="https://catalog.ldc.upenn.edu/LDC99T42",
    licence="Linguistic Data Consortium, by agreement",
    counts={Split.TRAIN: 42_068, Split.VALIDATION: 3_370, Split.TEST: 3_761},
)
FILES = {Split.TRAIN: "ptb.train.txt", Split.VALIDATION: "ptb.valid.txt", Split.TEST: "ptb.test.txt"}
# Of the unpacked files.
CONTENTS = {
    "ptb.train.txt": "fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf",
    "ptb.valid.txt": "c9fe6985fe0d4ccb578183407d7668fc6066c20700cb4cf87d8ff1cc34df1bf2",
    "ptb.test.txt": "dd65dff31e70846b2a6030a87482edcd5d199130cdcfa1f3dccbb033728deee0",
}


@dataclass(frozen=True, kw_only=True)
class TextFile:
    """A file of UTF-8 text, a sentence a line, blanks between words; .gz and .xz are unpacked. Empty lines are skipped.

    Validation and test sentences come from files of their own, or are the last ones of the file to train on: those to
    validate with, then those to test on. The vocabulary is that of the training sentences, whatever split is loaded:
    the words that occur `least` times or more, the commonest `words` of them, with the end of a sentence and the
    unknown word among these.

    Sentences of more steps than `longest`, their end included, are left out of training, and the set says how many.
    They are not cut, because a model would learn that sentences end in their middle. Other splits keep every sentence,
    so that figures on them are figures on the same sentences. Errors: SettingError where a number makes no sense; on
    loading, DataError.
    """

    train: Path
    validation: int | Path = 0
    """How many of the last sentences of `train`, or a file."""
    test: int | Path = 0
    """How many of the last sentences of `train`, or a file."""
    words: int | None = None
    least: int = 1
    longest: int | None = None

    def __post_init__(self) -> None:
        _check_longest(self.longest)

    @property
    def name(self) -> str:
        """The training file's own name."""
        return self.train.name.split(".")[0] or self.train.name

    def load(self, split: Split) -> SequenceSet:
        """Load one split. Errors: DataError where a file is missing, no UTF-8 text or without sentences."""
        sentences, empty = read_sentences(self.train)
        held = {Split.VALIDATION: self.validation, Split.TEST: self.test}
        counts = {part: count for part, count in held.items() if isinstance(count, int)}

        def last(part: Split) -> list[Sentence]:
            validation, test = counts.get(Split.VALIDATION, 0), counts.get(Split.TEST, 0)
            places = part_of_all(
                len(sentences), split=part, validation=validation, test=test, name=self.name, things="sentences"
            )
            return sentences[places]

        training = last(Split.TRAIN)
        vocabulary = _vocabulary(training, most=self.words, least=self.least)
        if isinstance(path := held.get(split), Path):
            chosen, empty = read_sentences(path)
        else:
            chosen = last(split)
        limit = _limit(training, self.longest)
        return _encoded(chosen, vocabulary, limit=limit, name=self.name, split=split, empty=empty)


@dataclass(frozen=True, kw_only=True)
class PennTreebank:
    """Wall Street Journal sentences with 10,000 words (Marcus et al. 1993), as preprocessed by Mikolov et al. (2010).

    `folder` holds Mikolov's `ptb.train.txt`, `ptb.valid.txt` and `ptb.test.txt`, also packed as .gz or .xz: the text is
    licensed by the Linguistic Data Consortium, so nothing is downloaded. The files are those in the folder `data` of
    his `simple-examples.tgz`. Rare words are `<unk>` in the files, which is the unknown word here, and numbers are
    `N`, which stays a word. Thesis A, 3.5.1 uses this split. `longest` is that of `TextFile`. Errors: SettingError
    where it makes no sense; on loading, DataError.
    """

    folder: Path
    longest: int | None = None

    def __post_init__(self) -> None:
        _check_longest(self.longest)

    @property
    def name(self) -> str:
        """Name of the data set."""
        return "Penn Treebank"

    def load(self, split: Split) -> SequenceSet:
        """Load one split. Errors: DataError where the data are missing or not Mikolov's."""
        training, empty = self._read(Split.TRAIN)
        chosen, empty = (training, empty) if split is Split.TRAIN else self._read(split)
        vocabulary, limit = _vocabulary(training), _limit(training, self.longest)
        whole = _encoded(chosen, vocabulary, limit=limit, name=self.name, split=split, empty=empty)
        return replace(whole, source=PENN_TREEBANK)

    def _read(self, split: Split) -> tuple[list[Sentence], int]:
        file, folder = FILES[split], existing_folder(self.folder, self.name)
        found = [path for path in (folder / f"{file}{end}" for end in ("", ".xz", ".gz")) if path.is_file()]
        if not found:
            raise DataError(
                f"{folder} holds no {file}, nor one packed as .xz or .gz, which has sentences of {self.name}."
            )
        content = read_bytes(found[0])
        got = hashlib.sha256(content).hexdigest()
        if got != CONTENTS[file]:
            raise DataError(f"{file} is not Mikolov's, or is damaged: its sha256 is {got}, not {CONTENTS[file]}.")
        return _sentences(content.decode("utf-8"), found[0])


def read_sentences(path: Path) -> tuple[list[Sentence], int]:
    """Read the sentences of a text file, a sentence a line, and say how many lines of it are empty.

    Errors: DataError where it is missing, no UTF-8 text, without sentences, or has the sign of an end as a word.
    """
    return _sentences(read_text(path, "sentences"), path)


def encode_sentences(sentences: Sequence[Sentence], vocabulary: Vocabulary) -> Sequences:
    """Make a batch of sentences, padded with ends; words that are not in the vocabulary become `<unk>`.

    Errors: DataError where there are none, or one has the sign of an end as a word.
    """
    numbers = [vocabulary.encode(words) for words in sentences]
    lengths = torch.tensor([len(one) for one in numbers], dtype=torch.int64)
    longest = max(map(len, numbers), default=0)
    values = torch.tensor([one + [END] * (longest - len(one)) for one in numbers], dtype=torch.int64)
    return Sequences(values=values.view(len(numbers), longest), lengths=lengths)


def _check_longest(longest: int | None) -> None:
    if longest is not None and longest < 1:
        raise SettingError(f"longest must be 1 step or more, the end of a sentence included; it is {longest}.")


def _sentences(text: str, path: Path) -> tuple[list[Sentence], int]:
    """Sentences of a text, and how many lines between them are empty."""
    # Not splitlines(), which takes rarer signs for ends of lines; \r is a blank.
    lines = [line.split() for line in text.removesuffix("\n").split("\n")]
    for number, words in enumerate(lines, start=1):
        if END_WORD in words:
            raise DataError(
                f"Line {number} of {path} has the word '{END_WORD}', which stands for the end of a sentence here; each "
                "line ends one as it is."
            )
    sentences = [words for words in lines if words]
    if not sentences:
        raise DataError(f"{path} has no sentences; wanted one a line, with blanks between words.")
    return sentences, len(lines) - len(sentences)


def _vocabulary(training: list[Sentence], *, most: int | None = None, least: int = 1) -> Vocabulary:
    return Vocabulary.of(Counter(word for words in training for word in words), most=most, least=least)


def _limit(training: list[Sentence], longest: int | None) -> int:
    """Steps of the longest sentence to train on."""
    return max(map(len, training)) + 1 if longest is None else longest


def _encoded(
    chosen: list[Sentence], vocabulary: Vocabulary, *, limit: int, name: str, split: Split, empty: int
) -> SequenceSet:
    """Make a set of the sentences of one split."""
    kept = [words for words in chosen if split is not Split.TRAIN or len(words) < limit]
    if not kept:
        raise DataError(f"All {len(chosen)} training sentences of {name} have more steps than longest, {limit}.")
    lengths = np.array([len(words) + 1 for words in kept], np.int64)
    numbers = (number for words in kept for number in vocabulary.encode(words))
    dtype = np.uint16 if len(vocabulary) <= 1 << 16 else np.int64
    left_out = {"empty lines": empty, f"sentences of more than {limit} steps": len(chosen) - len(kept)}
    return SequenceSet(
        values=np.fromiter(numbers, dtype, count=int(lengths.sum())),
        lengths=lengths,
        format=WordFormat(words=len(vocabulary), longest=max(limit, int(lengths.max()))),
        name=name,
        split=split,
        vocabulary=vocabulary,
        left_out={what: count for what, count in left_out.items() if count},
    )
