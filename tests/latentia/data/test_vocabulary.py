from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from latentia.data.vocabulary import END_WORD, UNKNOWN_WORD, Vocabulary
from latentia.errors import DataError, SettingError
from latentia.sequences import END, UNKNOWN

COUNTS = {"the": 5, "b": 3, "a": 3, "once": 1}


def test_the_commonest_words_come_first_after_the_two_signs() -> None:
    assert Vocabulary.of(COUNTS).words == (END_WORD, UNKNOWN_WORD, "the", "a", "b", "once")
    assert Vocabulary.of(COUNTS, most=4).words == (END_WORD, UNKNOWN_WORD, "the", "a")
    assert Vocabulary.of(COUNTS, least=2).words == (END_WORD, UNKNOWN_WORD, "the", "a", "b")


def test_a_vocabulary_does_not_depend_on_the_order_of_the_text() -> None:
    assert Vocabulary.of(COUNTS) == Vocabulary.of(dict(reversed(COUNTS.items())))


def test_the_unknown_word_in_a_text_is_the_unknown_word() -> None:
    vocabulary = Vocabulary.of({UNKNOWN_WORD: 100, "a": 1})
    assert len(vocabulary) == 3
    assert vocabulary.encode([UNKNOWN_WORD, "a", "never seen"]) == [UNKNOWN, 2, UNKNOWN, END]


@given(some.lists(some.sampled_from(sorted(COUNTS))))
def test_known_words_survive_the_way_to_numbers_and_back(words: list[str]) -> None:
    vocabulary = Vocabulary.of(COUNTS)
    numbers = vocabulary.encode(words)
    assert vocabulary.decode([*numbers, 3, 99]) == words  # whatever stands after the end


def test_a_vocabulary_survives_its_file(tmp_path: Path) -> None:
    vocabulary = Vocabulary.of({"naïve": 2, "日本": 1, "N": 7})
    vocabulary.save(tmp_path / "words.txt")
    assert Vocabulary.load(tmp_path / "words.txt") == vocabulary
    content = (tmp_path / "words.txt").read_bytes()
    assert content.count(b"\n") == len(vocabulary)
    (tmp_path / "edited.txt").write_bytes(b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n"))  # as Windows' editors do
    assert Vocabulary.load(tmp_path / "edited.txt") == vocabulary


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("a", "b"), r"^A vocabulary begins with '<eos>' and '<unk>', not \('a', 'b'\)\.$"),
        ((END_WORD, UNKNOWN_WORD, "a", "a"), r"^A vocabulary has each word once; 'a' is there 2 times\.$"),
        ((END_WORD, UNKNOWN_WORD, "a b"), r"have no blanks; one is 'a b'\.$"),
        ((END_WORD, UNKNOWN_WORD, ""), r"have no blanks; one is ''\.$"),
    ],
)
def test_what_is_no_vocabulary_is_refused(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Vocabulary(words=words)


def test_a_vocabulary_without_room_for_the_two_signs_is_refused() -> None:
    with pytest.raises(SettingError, match=r"^A vocabulary has room for 2 words at least, not 1\.$"):
        Vocabulary.of(COUNTS, most=1)


def test_the_end_of_a_sentence_is_none_of_its_words() -> None:
    with pytest.raises(DataError, match=r"^'<eos>' stands for the end of a sentence, so it cannot be one of its words"):
        Vocabulary.of(COUNTS).encode(["a", END_WORD])


@pytest.mark.parametrize("number", [6, -1])
def test_a_number_without_a_word_is_refused(number: int) -> None:
    with pytest.raises(DataError, match=rf"^A vocabulary of 6 words has no number {number}\.$"):
        Vocabulary.of(COUNTS).decode([2, number])


def test_files_that_hold_no_vocabulary_are_named(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("some\nwords\n")
    (tmp_path / "bytes.txt").write_bytes(b"<eos>\n\xff")
    for name, message in {
        "text.txt": "text.txt holds no vocabulary: A vocabulary begins with",
        "bytes.txt": "bytes.txt should hold a vocabulary as UTF-8 text; its byte 6 is not UTF-8",
        "none.txt": "There is no file .*none.txt, which should hold a vocabulary",
    }.items():
        with pytest.raises(DataError, match=message):
            Vocabulary.load(tmp_path / name)
