"""`latentia sample`, `reconstruct` and `interpolate` for sentences and clips."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from latentia.command_line import screen
from latentia.data import Split
from latentia.evaluation.sequences import reconstruct_freely
from latentia.evaluation.text import lines
from latentia.runs import SequenceRun, load_run

from .conftest import Latentia, Snapshot


@pytest.fixture
def text_run(trained_on_sentences: Path, tmp_path: Path) -> Path:
    return shutil.copytree(trained_on_sentences, tmp_path / "pets")


@pytest.fixture
def clip_run(trained_on_clips: Path, tmp_path: Path) -> Path:
    return shutil.copytree(trained_on_clips, tmp_path / "balls")


def sequence_run(path: Path) -> SequenceRun:
    run = load_run(path)
    assert isinstance(run, SequenceRun)
    return run


def without_marks(text: str) -> str:
    return text.replace("**", "")


def test_samples_of_sentences_are_said_and_written_for_each_temperature(
    latentia: Latentia, text_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert latentia("sample", text_run, "--count", "3", "--longest", "4") == 0
    printed, path = capsys.readouterr().out, text_run / "samples" / "samples.txt"
    assert f"The sentences are in {path}." in printed
    blocks = [block.splitlines() for block in path.read_text(encoding="utf-8").rstrip("\n").split("\n\n")]
    assert [block[0] for block in blocks] == ["temperature 0", "temperature 0.5", "temperature 1"]
    words = set(sequence_run(text_run).vocabulary.words)  # type: ignore[union-attr]
    for block in blocks:
        assert [line.split()[0] for line in block[1:]] == ["1", "2", "3"]
        assert all(set(line.split()[1:]) <= words and len(line.split()) <= 5 for line in block[1:])
        assert all(line.rstrip() in printed for line in block)
    assert latentia("sample", text_run, "--count", "3", "--longest", "4", "--out", "again") == 0
    assert Path("again/samples.txt").read_bytes() == path.read_bytes()


def test_a_run_samples_where_its_data_are_gone(
    latentia: Latentia, sentence_config: Path, sentences: Path, tmp_path: Path
) -> None:
    own = shutil.copy(sentences, tmp_path / "own.txt")
    assert latentia("train", sentence_config, "--set", f"data.train={own}", "--out", "run") == 0
    Path(own).unlink()
    assert latentia("sample", "run", "--temperatures", "1") == 0
    assert latentia("reconstruct", "run", "--sentence", "the cat sat") == 0
    assert latentia("interpolate", "run", "--sentence", "the cat sat", "--sentence", "a dog ran") == 0


def test_samples_of_clips_are_strips_and_arrays(latentia: Latentia, clip_run: Path) -> None:
    assert latentia("sample", clip_run, "--count", "3", "--longest", "6") == 0
    with np.load(clip_run / "samples" / "samples.npz") as loaded:
        assert loaded["clips"].shape == (2, 3, 6, 1, 12, 12) and loaded["temperatures"].tolist() == [0, 1]
    with Image.open(clip_run / "samples" / "samples.png") as picture:
        assert picture.mode == "RGB" and picture.height > 3 * 2 * 64


def test_sentences_are_said_again_beside_the_words_that_are_kept(
    latentia: Latentia, text_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert latentia("reconstruct", text_run, "--images", "4,1") == 0
    printed = capsys.readouterr().out
    run = sequence_run(text_run)
    assert run.vocabulary is not None
    given = run.sequences(Split.TEST).sequences(np.array([4, 1]))
    wanted = zip(lines(given, run.vocabulary), lines(reconstruct_freely(run.model, given), run.vocabulary), strict=True)
    text = (text_run / "reconstructions" / "reconstructions.txt").read_text(encoding="utf-8")
    assert without_marks(text) == "\n".join(
        f"sentence        {one}\nreconstruction  {other}\n" for one, other in wanted
    )
    marked = re.findall(r"\*\*(\w+)\*\*", text)
    assert 1 <= len(marked) <= 0.2 * int(given.lengths.sum())
    assert f"**{marked[0]}**" in printed and "Of the words, " in printed
    assert "Marked are words that the decoder is told with the highest probability, 20% of all" in printed


def test_words_are_bold_on_a_terminal_and_have_stars_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    words, marked = ["the", "cat", "sat"], [True, False, True]
    assert screen.emphasised(words, marked).plain == "**the** cat **sat**"
    monkeypatch.setenv("FORCE_COLOR", "1")
    line = screen.emphasised(words, marked)
    assert line.plain == "the cat sat"
    assert [line.plain[span.start : span.end] for span in line.spans if span.style == "bold"] == ["the", "sat"]


def test_nothing_is_marked_where_nothing_is_inferred(
    latentia: Latentia, sentence_config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert latentia("train", sentence_config, "--set", "model.forcing.kind=full", "--out", "run") == 0
    assert latentia("reconstruct", "run", "--first", "2") == 0
    text = Path("run/reconstructions/reconstructions.txt").read_text(encoding="utf-8")
    assert text.count("sentence ") == 2 and "**" not in text
    assert "Marked" not in capsys.readouterr().out


def test_own_sentences_come_from_the_command_line_or_a_file_and_unknown_words_are_said(
    latentia: Latentia, text_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "own.txt").write_text("the fish sat\n\na cat swam to the fish\n", encoding="utf-8")
    assert latentia("reconstruct", text_run, "--text", "own.txt", "--sentence", "the bird <unk>") == 0
    printed = capsys.readouterr().out
    assert "1 empty line of own.txt left out." in printed
    assert "Not among the model's 13 words, hence <unk>: fish, swam." in printed
    text = (text_run / "reconstructions" / "reconstructions.txt").read_text(encoding="utf-8")
    given = re.findall(r"sentence {8}(.*)", without_marks(text))
    assert given == ["the <unk> sat", "a cat <unk> to the <unk>", "the bird <unk>"]


def test_clips_stand_above_their_reconstructions(
    latentia: Latentia, clip_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert latentia("reconstruct", clip_run, "--split", "validation", "--images", "6,0") == 0
    assert "The mean squared error is " in capsys.readouterr().out
    clips = sequence_run(clip_run).sequences(Split.VALIDATION).sequences(np.array([6, 0]))
    with np.load(clip_run / "reconstructions" / "reconstructions.npz") as loaded:
        assert np.array_equal(loaded["originals"], clips.values) and loaded["lengths"].tolist() == [5, 5]
        said = reconstruct_freely(sequence_run(clip_run).model, clips)
        assert np.array_equal(loaded["clips"], said.values)


def test_between_two_sentences_stand_others_with_their_shares(
    latentia: Latentia, text_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert latentia("interpolate", text_run, "--images", "0,1,2,3", "--frames", "3") == 0
    text = (text_run / "interpolation" / "interpolation.txt").read_text(encoding="utf-8")
    blocks = [block.splitlines() for block in text.rstrip("\n").split("\n\n")]
    assert [[line.split()[0] for line in block] for block in blocks] == [["first", "25%", "50%", "75%", "last"]] * 2
    run = sequence_run(text_run)
    assert run.vocabulary is not None
    ends = lines(run.sequences(Split.TEST).sequences(slice(4)), run.vocabulary)
    assert [block[place][7:] for block in blocks for place in (0, -1)] == ends
    printed = capsys.readouterr().out
    assert all(line.rstrip() in printed for block in blocks for line in block)
    same = ("--sentence", "a dog ran", "--sentence", "a dog ran")
    assert latentia("interpolate", text_run, *same, "--frames", "2", "--out", "same") == 0
    one, two = Path("same/interpolation.txt").read_text(encoding="utf-8").splitlines()[1:3]
    assert one[7:] == two[7:]


def test_between_two_clips_stand_others(latentia: Latentia, clip_run: Path) -> None:
    assert latentia("interpolate", clip_run, "--frames", "3") == 0
    with np.load(clip_run / "interpolation" / "interpolation.npz") as loaded:
        assert loaded["between"].shape == (3, 1, 5, 1, 12, 12)
        assert np.allclose(loaded["shares"], [0.25, 0.5, 0.75])
        assert loaded["first"].shape == loaded["last"].shape == (1, 5, 1, 12, 12)


@pytest.mark.parametrize(
    ("command", "words", "said"),
    [
        ("sample", ("--label", "1"), "--label is for images; the run in pets is of sentences."),
        ("sample", ("--draw-pixels",), "--draw-pixels is for images; the run in pets is of sentences."),
        ("sample", ("--longest", "0"), "--longest must be 1 or more, not 0."),
        ("sample", ("--temperatures", "-1"), "temperature must be 0 or more; it is -1.0."),
        ("interpolate", ("--layer", "2"), "--layer is for images; the run in pets is of sentences."),
        ("interpolate", ("--temperature", "0"), "--temperature is for images; the run in pets is of sentences."),
        ("interpolate", ("--sentence", "a cat"), "--sentence wants pairs, first and last; 1 given."),
        ("interpolate", ("--images", "0,6"), "pets has 6 sentences in its split 'test', counted from 0; there is no s"),
        ("reconstruct", ("--first", "9"), "pets has 6 sentences in its split 'test', counted from 0; there is no sent"),
        ("reconstruct", ("--first", "0"), "--first must be 1 or more, not 0."),
        (
            "reconstruct",
            ("--first", "1", "--sentence", "a"),
            "Give one of --images, --first, and sentences of your own",
        ),
        ("reconstruct", ("--sentence", " "), "--sentence has no words."),
        (
            "reconstruct",
            ("--sentence", "the <eos>"),
            "'<eos>' stands for the end of a sentence, so it cannot be one of",
        ),
        ("reconstruct", ("--text", "none.txt"), "There is no file none.txt, which should hold sentences."),
        ("reconstruct", ("--text", "pets/model.safetensors"), "pets/model.safetensors should hold sentences as UTF-8"),
    ],
)
def test_a_wish_that_cannot_be_met_is_one_sentence(
    command: str, words: tuple[str, ...], said: str, latentia: Latentia, text_run: Path, everything: Snapshot,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    before = everything()
    assert latentia(command, text_run.name, *words) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith(f"latentia: {said}") and printed.err.count("\n") == 1
    assert printed.out == ""
    assert everything() == before


@pytest.mark.parametrize(
    ("fixture", "command", "words", "said"),
    [
        ("clip_run", "reconstruct", ("--sentence", "a"), "--sentence is for sentences; the run in balls is of clips."),
        ("clip_run", "interpolate", ("--sentence", "a", "--sentence", "b"), "--sentence is for sentences; the run in "),
        ("clip_run", "reconstruct", ("--images", "9"), "simulated bouncing balls, 8 gravities has 9 clips in its spli"),
        ("run", "reconstruct", ("--text", "a.txt"), "--text is for sentences; the run in run is of images."),
        ("run", "sample", ("--longest", "3"), "--longest is for sentences and clips; the run in run is of images."),
    ],
)
def test_an_option_of_another_kind_of_run_is_refused(
    fixture: str, command: str, words: tuple[str, ...], said: str, latentia: Latentia, everything: Snapshot,
    request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    folder = request.getfixturevalue(fixture)
    before = everything()
    assert latentia(command, folder.name, *words) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith(f"latentia: {said}") and printed.err.count("\n") == 1
    assert everything() == before


def test_the_first_images_can_be_named_too(latentia: Latentia, run: Path) -> None:
    assert latentia("reconstruct", run, "--first", "2") == 0
    with np.load(run / "reconstructions" / "reconstructions.npz") as loaded:
        assert loaded["originals"].shape == (2, 1, 8, 8)


def test_sampled_latent_vectors_do_not_depend_on_the_data(latentia: Latentia, text_run: Path) -> None:
    state = torch.get_rng_state()
    assert latentia("sample", text_run, "--temperatures", "0") == 0
    assert torch.equal(torch.get_rng_state(), state)
