"""`latentia train` and `latentia evaluate` for sentences and clips."""

from __future__ import annotations

import json
import math
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from latentia.data import Split
from latentia.evaluation.sequences import evaluate_sequences, posteriors
from latentia.runs import SequenceRun, load_run

from .conftest import Latentia, Snapshot


@pytest.fixture
def text_run(trained_on_sentences: Path, tmp_path: Path) -> Path:
    return shutil.copytree(trained_on_sentences, tmp_path / "pets")


@pytest.fixture
def clip_run(trained_on_clips: Path, tmp_path: Path) -> Path:
    return shutil.copytree(trained_on_clips, tmp_path / "balls")


def test_a_text_file_becomes_a_run_that_can_be_measured(
    latentia: Latentia, sentence_config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert latentia("train", sentence_config, "--set", "data.longest=5") == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "pets: 18 training and 6 validation sentences of up to 5 steps from 13 words." in printed.out
    assert "Left out of the training data: empty lines (2), sentences of more than 5 steps (10)." in printed.out
    assert printed.out.count("empty lines") == 1
    assert "Step 6: validation −ELBO " in printed.out and " nats, RC " in printed.out and "% dropped" in printed.out
    assert "the best validation score was " in printed.out and " nats at step " in printed.out
    assert latentia("evaluate", "runs/pets", "--importance-samples", "3") == 0


def test_an_evaluation_of_sentences_has_the_figures_of_table_3_1(
    latentia: Latentia, text_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert latentia("evaluate", text_run, "--importance-samples", "20", "--batch", "10") == 0
    printed = capsys.readouterr().out
    assert "pets, 6 test sentences of up to 8 steps from 13 words" in printed
    record = json.loads((text_run / "evaluation" / "test-k20.json").read_text(encoding="utf-8"))
    run = load_run(text_run)
    assert isinstance(run, SequenceRun)
    test = run.sequences(Split.TEST)
    assert record["provenance"]["sha256"] == test.sha256 and record["provenance"]["sequences"] == 6
    bound, rc, kl = (record[f"{name}_nats"]["mean"] for name in ("negative_elbo", "reconstruction", "divergence"))
    assert bound == pytest.approx(rc + kl) and f"{bound:.4g}" in printed
    weighted = record["importance_weighted"]
    nats = weighted["negative_log_likelihood_nats"]["mean"]
    assert weighted["samples"] == 20
    assert weighted["perplexity"] == pytest.approx(math.exp(nats * 6 / record["provenance"]["steps"]))
    latent = record["latent"]
    assert len(latent["divergence_per_dimension_nats"]) == latent["units"] == 3
    assert latent["information_nats"] <= latent["information_ceiling_nats"] == pytest.approx(math.log(6))
    assert sum(latent["divergence_per_dimension_nats"]) == pytest.approx(kl, rel=1e-4)
    sentences = record["sentences"]
    assert 0 <= sentences["word_accuracy"] <= 1 and 0 <= sentences["told_word_accuracy"] <= 1
    assert 0 <= sentences["bleu"]["score"] <= 100 and "version" in sentences["bleu"]["signature"]
    assert 0 < record["mean_drop"] < 1 and record["dropout_divergence_nats"]["mean"] > 0


def test_an_evaluation_of_clips_has_the_figures_of_table_3_4(
    latentia: Latentia, clip_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert latentia("evaluate", clip_run, "--importance-samples", "0", "--images", "4", "--split", "validation") == 0
    printed = capsys.readouterr().out
    assert "the first 4 validation clips of up to 5 frames of 1×12×12 with 1 bits" in printed
    record = json.loads((clip_run / "evaluation" / "validation-first-4-k0.json").read_text(encoding="utf-8"))
    assert "importance_weighted" not in record and "sentences" not in record
    assert record["mean_drop"] == 0 and record["dropout_divergence_nats"]["mean"] == 0
    figures = record["clips"]
    assert figures["psnr_db"]["mean"] > 0 and 0 < figures["mse"]["mean"] < 1 and -1 <= figures["ssim"]["mean"] <= 1
    assert "PSNR, dB" in printed and "SSIM" in printed and "dropped" not in printed


def test_the_same_seed_gives_the_same_figures(latentia: Latentia, text_run: Path) -> None:
    figures = []
    for folder in ("one", "two"):
        assert latentia("evaluate", text_run, "--importance-samples", "4", "--seed", "3", "--out", folder) == 0
        figures.append(Path(folder, "test-k4.json").read_text(encoding="utf-8"))
    assert figures[0] == figures[1]


def test_without_sacrebleu_the_evaluation_goes_on_and_says_how_to_have_it(
    latentia: Latentia, text_run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sacrebleu.metrics.bleu", None)
    assert latentia("evaluate", text_run, "--importance-samples", "0") == 0
    said = 'There is no BLEU: sacreBLEU is not installed; pip install "latentia[text]" adds it.'
    assert said in " ".join(capsys.readouterr().out.split())
    record = json.loads((text_run / "evaluation" / "test-k0.json").read_text(encoding="utf-8"))
    assert record["sentences"]["bleu"] is None and record["sentences"]["word_accuracy"] is not None


def test_one_sequence_has_figures_without_errors(
    latentia: Latentia, text_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert latentia("evaluate", text_run, "--importance-samples", "1", "--images", "1") == 0
    assert "nan" not in capsys.readouterr().out
    record = json.loads((text_run / "evaluation" / "test-first-1-k1.json").read_text(encoding="utf-8"))
    assert record["latent"] is None and record["negative_elbo_nats"]["standard_error"] is None


def test_figures_of_other_sentences_are_not_replaced(
    latentia: Latentia, text_run: Path, sentence_config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert latentia("evaluate", text_run, "--importance-samples", "0", "--out", "figures") == 0
    assert latentia("train", sentence_config, "--set", "data.test=5", "--no-pictures", "--out", "other") == 0
    assert latentia("evaluate", "other", "--importance-samples", "0", "--out", "figures") == 2
    assert "figures/test-k0.json holds the figures of other sentences than these; name" in capsys.readouterr().err


def test_posteriors_in_batches_are_those_of_all_at_once(trained_on_sentences: Path) -> None:
    run = load_run(trained_on_sentences)
    assert isinstance(run, SequenceRun)
    sequences = run.sequences(Split.TRAIN).sequences(slice(9))
    parts, whole = posteriors(run.model, sequences, batch=2), posteriors(run.model, sequences)
    assert torch.allclose(parts.loc, whole.loc, atol=1e-6)
    assert torch.allclose(parts.log_scale, whole.log_scale, atol=1e-6)
    told: list[tuple[int, int]] = []
    evaluate_sequences(run.model, sequences, batch=4, on_progress=lambda *done: told.append(done))
    assert told == [(4, 9), (8, 9), (9, 9)]


@pytest.mark.parametrize(
    ("command", "words", "said"),
    [
        ("impute", ("--number", "3"), "The run in pets is of sentences; latentia impute is for runs of images."),
        ("neighbourhood", (), "The run in pets is of sentences; latentia neighbourhood is for runs of images."),
        ("prior", (), "The run in pets is of sentences; latentia prior is for runs of images."),
        ("evaluate", ("--neighbours", "2"), "--neighbours is for images; the run in pets is of sentences."),
        ("evaluate", ("--draws", "2"), "--draws is for images; the run in pets is of sentences."),
        ("evaluate", ("--images", "7"), "pets has 6 sequences in its split 'test', not 7."),
        ("evaluate", ("--set", "data.test=3"), "data.test=3 would move sentences between those that pets was trained"),
        ("evaluate", ("--set", "data.train=nowhere.txt"), "There is no file "),
        ("evaluate", ("--set", "data.least=9"), "The model of pets knows the 13 words of the sentences that it was"),
    ],
)
def test_a_wish_that_a_run_of_sentences_cannot_meet_is_one_sentence(
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
    ("content", "words", "said"),
    [
        (b"", (), "has no sentences; wanted one a line, with blanks between words."),
        (b"\n \n\n", (), "has no sentences; wanted one a line, with blanks between words."),
        (b"caf\xe9 au lait\n" * 9, (), "should hold sentences as UTF-8 text; its byte 3 is not UTF-8."),
        (b"the end <eos>\n" * 9, (), "Line 1 of "),
        (
            b"a b c\n" * 9,
            ("--set", "data.longest=3"),
            "All 7 training sentences of own have more steps than longest, 3.",
        ),
        (b"a b c\n" * 9, ("--set", "data.validation=0"), "own has no validation sentences of its own: say how many to"),
        (b"a b c\n" * 9, ("--set", "data.validation=9"), "own has 9 training sentences; 9 of them cannot be kept for"),
        (
            b"a b c\n" * 9,
            ("--set", "training.batch=8"),
            "batch must be 1 to 7, because own has 7 training sequences; it",
        ),
        (b"a b c\n" * 9, ("--set", "data.validation=none.txt"), "There is no file "),
    ],
)
def test_a_text_that_cannot_be_trained_on_is_one_sentence(
    content: bytes, words: tuple[str, ...], said: str, latentia: Latentia, sentence_config: Path, tmp_path: Path,
    everything: Snapshot, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (tmp_path / "own.txt").write_bytes(content)
    before = everything()
    changes = ("data.train=own.txt", "data.validation=2", "data.test=0", "training.batch=2")
    sets = [word for change in changes for word in ("--set", change)]
    assert latentia("train", sentence_config, *sets, *words) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("latentia: ") and printed.err.count("\n") == 1 and said in printed.err
    assert printed.out == ""
    assert everything() == before


def test_cross_validation_is_for_images(
    latentia: Latentia, sentence_config: Path, everything: Snapshot, capsys: pytest.CaptureFixture[str]
) -> None:
    before = everything()
    assert latentia("cross-validate", sentence_config) == 2
    assert capsys.readouterr().err == "latentia: fold is for images; data.set text holds sentences.\n"
    assert everything() == before


def test_videos_in_an_npz_file_become_a_run_that_is_measured_and_explored(
    latentia: Latentia, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = np.random.default_rng(0).integers(0, 40, (60, 16, 20), dtype=np.uint8)
    frames[:, 4:12] += np.arange(60, dtype=np.uint8)[:, None, None] * 3
    frames[:8] = 7
    np.savez(tmp_path / "street.npz", street=frames)
    (tmp_path / "street.yaml").write_text(
        "data: {set: npz_clips, file: street.npz, frames: 4, size: 12, validation: 12, test: 12, least_motion: 1}\n"
        "model: {kind: recurrent_vae, hidden: 6, latent_size: 2, features: 5, forcing: {kind: scheduled_sampling}}\n"
        "training: {steps: 2, batch: 3, annealing: none, accelerator: cpu}\n",
        encoding="utf-8",
    )
    assert latentia("train", "street.yaml") == 0
    printed = capsys.readouterr().out
    assert "street, clips of 4 frames: 7 training and 3 validation clips of up to 4 frames of 1×12×12 with 8" in printed
    assert "Left out of the training data: clips that move less than 1 grey levels (2)." in printed
    assert latentia("evaluate", "runs/street", "--importance-samples", "2") == 0
    for command in ("sample", "reconstruct", "interpolate"):
        assert latentia(command, "runs/street") == 0
