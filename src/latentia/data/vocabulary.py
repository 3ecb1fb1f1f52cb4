"""Vocabularies: which number stands for which word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from latentia.data.files import read_bytes
from latentia.errors import DataError, SettingError
from latentia.files import atomic_path
from latentia.sequences import END, UNKNOWN

END_WORD, UNKNOWN_WORD = "<eos>", "<unk>"
"""How the end of a sentence and a word that is not in the vocabulary are written, as in Mikolov's files."""


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """Words by number: `END_WORD` has number `END`, `UNKNOWN_WORD` has `UNKNOWN`, then come the others.

    Errors: DataError where these two are not the first words, or a word is there twice, is empty or has blanks.
    """

    words: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.words[: UNKNOWN + 1] != (END_WORD, UNKNOWN_WORD):
            raise DataError(f"A vocabulary begins with '{END_WORD}' and '{UNKNOWN_WORD}', not {self.words[:2]}.")
        for word, count in Counter(self.words).items():
            if count > 1:
                raise DataError(f"A vocabulary has each word once; '{word}' is there {count} times.")
            if word.split() != [word]:
                raise DataError(f"Words of a vocabulary are not empty and have no blanks; one is {word!r}.")

    @staticmethod
    def of(counts: Mapping[str, int], *, most: int | None = None, least: int = 1) -> Vocabulary:
        """Take the words that occur at least `least` times, commonest first, words of one count in alphabetical order.

        `most` is the size of the vocabulary at most, with the end of a sentence and the unknown word, which are always
        in it. Errors: SettingError where `most` has no room for these two.
        """
        if most is not None and most < UNKNOWN + 1:
            raise SettingError(f"A vocabulary has room for {UNKNOWN + 1} words at least, not {most}.")
        signs = (END_WORD, UNKNOWN_WORD)
        common = [word for word, count in counts.items() if count >= least and word not in signs]
        common.sort(key=lambda word: (-counts[word], word))
        return Vocabulary(words=(*signs, *common)[:most])

    @staticmethod
    def load(path: Path) -> Vocabulary:
        """Read what `save` has written, also packed as .gz or .xz.

        Errors: DataError where the file is missing, no UTF-8 text, or holds no vocabulary.
        """
        lines = read_text(path, "a vocabulary").replace("\r\n", "\n").removesuffix("\n").split("\n")
        try:
            return Vocabulary(words=tuple(lines))
        except DataError as error:
            raise DataError(f"{path} holds no vocabulary: {error}") from error

    def save(self, path: Path) -> None:
        """Write the words as UTF-8 text, a word a line. Errors: OSError where the file cannot be written."""
        with atomic_path(path) as temporary:
            temporary.write_text("\n".join(self.words) + "\n", encoding="utf-8", newline="\n")

    def __len__(self) -> int:
        return len(self.words)

    @cached_property
    def numbers(self) -> Mapping[str, int]:
        """Numbers by word."""
        return {word: number for number, word in enumerate(self.words)}

    def encode(self, words: Iterable[str]) -> list[int]:
        """Give the numbers of a sentence's words and of its end. Errors: DataError where its end is among its words."""
        numbers = [self.numbers.get(word, UNKNOWN) for word in words]
        if END in numbers:
            raise DataError(f"'{END_WORD}' stands for the end of a sentence, so it cannot be one of its words.")
        return [*numbers, END]

    def decode(self, numbers: Sequence[int]) -> list[str]:
        """Give the words of a sentence up to its end, without it; numbers after the end never matter.

        Errors: DataError where a number before the end is not of this vocabulary.
        """
        words: list[str] = []
        for number in numbers:
            if number == END:
                break
            if not 0 <= number < len(self):
                raise DataError(f"A vocabulary of {len(self)} words has no number {number}.")
            words.append(self.words[number])
        return words


def read_text(path: Path, what: str) -> str:
    """Read UTF-8 text, unpacking .gz and .xz; `what` says what was wanted. Errors: DataError where it is not there."""
    if not path.is_file():
        raise DataError(f"There is no file {path}, which should hold {what}.")
    try:
        return read_bytes(path).decode("utf-8-sig")  # some editors begin a file with a byte order mark
    except UnicodeDecodeError as error:
        raise DataError(f"{path} should hold {what} as UTF-8 text; its byte {error.start} is not UTF-8.") from error
