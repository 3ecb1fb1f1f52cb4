"""Sentences that the user brings, in the words that a run's model knows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from latentia.command_line.screen import say
from latentia.commands.options import refuse
from latentia.errors import SettingError

if TYPE_CHECKING:
    from latentia.runs import Run, SequenceRun
    from latentia.sequences import Sequences


def own_sentences(run: Run | SequenceRun, sentences: Sequence[str], file: Path | None = None) -> Sequences | None:
    """Read sentences from the command line and a file, and say what of them the model does not know.

    None where nothing is given. Errors: SettingError where the run is not of sentences, or a sentence is empty;
    DataError for a file without sentences.
    """
    if run.configuration.things != "sentences":
        refuse(run, "sentences", {"sentence": bool(sentences), "text": file is not None})
    if not sentences and file is None:
        return None
    from latentia.data.text import encode_sentences, read_sentences
    from latentia.data.vocabulary import UNKNOWN_WORD
    from latentia.runs import SequenceRun

    assert isinstance(run, SequenceRun) and run.vocabulary is not None
    chosen, empty = ([], 0) if file is None else read_sentences(file)
    for sentence in sentences:
        if not sentence.split():
            raise SettingError("--sentence has no words.")
        chosen.append(sentence.split())
    encoded = encode_sentences(chosen, run.vocabulary)
    if empty:
        say(f"{empty} empty line{'s' if empty > 1 else ''} of {file} left out.")
    unknown = dict.fromkeys(word for words in chosen for word in words if word not in run.vocabulary.numbers)
    if unknown:
        say(f"Not among the model's {len(run.vocabulary)} words, hence {UNKNOWN_WORD}: {', '.join(unknown)}.")
    return encoded
