"""The experiment on bouncing balls runs from one command, and its figures know a ball from a smear."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from experiments.figure_3_4_bouncing_balls.__main__ import main
from experiments.figure_3_4_bouncing_balls.measure import look
from experiments.figure_3_4_bouncing_balls.protocol import BETA, BUDGETS, load_parts
from experiments.video import frame_errors, pack, unpack
from PIL import Image

from latentia.sequences import Sequences


def test_smoke_measures_and_draws_three_models_and_goes_on_where_it_was(tmp_path: Path) -> None:
    assert main(["--budget", "smoke", "--out", str(tmp_path)]) == 0
    result = json.loads((tmp_path / "smoke.json").read_text(encoding="utf-8"))
    assert result["simulated"] is True
    assert [run["name"] for run in result["runs"]] == [
        "teacher forcing",
        "no teacher forcing",
        "dynamic word dropout",
    ]
    for run in result["runs"]:
        measured = run["measured"]
        assert measured["negative_elbo"] == pytest.approx(measured["reconstruction"] + measured["divergence"])
        assert len(measured["frame_error"]) == 5
        assert "clips" not in measured
    assert [run["measured"]["kept"] for run in result["runs"]] == pytest.approx([1.0, 0.0, 0.4], abs=0.05)
    before = (tmp_path / "smoke.md").read_text(encoding="utf-8")
    assert "SIMULATED" in before and "Not finished" not in before
    picture = Image.open(tmp_path / "smoke.png")
    assert picture.size[0] > 5 * 64 and picture.size[1] > 2 * 4 * 64
    # Where the work is gone, the result file stands for it, and the picture stays.
    for path in (tmp_path / "work").rglob("*"):
        if path.is_file():
            path.unlink()
    drawn = (tmp_path / "smoke.png").read_bytes()
    assert main(["--budget", "smoke", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "smoke.md").read_text(encoding="utf-8") == before
    assert (tmp_path / "smoke.png").read_bytes() == drawn


def test_the_paper_has_the_thesis_sizes() -> None:
    paper = BUDGETS["paper"]
    balls = paper.balls
    assert (balls.train, balls.validation, balls.frames, balls.gravities, balls.bits) == (10_000, 1_000, 20, 8, 1)
    for run in paper.runs(0):
        assert (run.model.hidden, run.model.latent_size, run.model.observation) == (512, 128, "bernoulli")
        assert run.training.annealing == "none" and run.training.dropout_weight == BETA
    assert {run.model.forcing.context for run in paper.runs(0)[2:]} == {("latent",)}


def test_a_ball_is_whole_and_moves_evenly_and_noise_does_neither() -> None:
    clips = load_parts(BUDGETS["hour"]).test.sequences(slice(0, 20))
    balls = look(clips, 2.5)
    assert balls["ball"] is not None and balls["ball"] > 0.85
    assert balls["jerk"] is not None and balls["jerk"] < 1
    generator = torch.Generator().manual_seed(0)
    noise = torch.randint(2, clips.values.shape, dtype=torch.uint8, generator=generator)
    assert look(Sequences(values=noise, lengths=clips.lengths), 2.5)["ball"] < 0.2  # type: ignore[operator]
    nothing = Sequences(values=torch.zeros_like(clips.values), lengths=clips.lengths)
    assert look(nothing, 2.5) == {"ball": 0.0, "jerk": None}
    order = torch.from_numpy(np.random.default_rng(0).permutation(20))
    shuffled = Sequences(values=clips.values[:, order], lengths=clips.lengths)
    assert look(shuffled, 2.5)["jerk"] > 5 * balls["jerk"]  # type: ignore[operator]


def test_errors_are_shares_of_pixels_at_each_frame_without_padding() -> None:
    values = torch.zeros(2, 3, 1, 4, 4, dtype=torch.uint8)
    given = Sequences(values=values, lengths=torch.tensor([3, 2]))
    other = values.clone()
    other[0, 1, 0, 0, :2] = 1
    other[1, 2] = 1  # padding
    said = Sequences(values=other, lengths=given.lengths)
    assert frame_errors(given, said, 2) == [0, pytest.approx(2 / 16 / 2), 0]


def test_clips_in_a_result_are_the_same_bytes() -> None:
    clips = load_parts(BUDGETS["smoke"]).test.sequences(slice(0, 3))
    found = unpack(json.loads(json.dumps(pack(clips))))
    assert torch.equal(found.values, clips.values) and torch.equal(found.lengths, clips.lengths)
