"""Two processes on this machine, which talk through gloo, against one that takes all micro-batches itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Generator, Tensor, nn

from latentia.data import ImageSet, ShuffledImages, Split
from latentia.data.sequence_sets import SequenceSet, ShuffledSequences
from latentia.data.vocabulary import Vocabulary
from latentia.errors import SettingError, TrainingError
from latentia.images import ImageFormat
from latentia.masks import Masking
from latentia.models.gaussian_vae import GaussianVAEConfig
from latentia.models.ladder_vae import LadderVAEConfig, SpatialDependencyConfig
from latentia.models.multitask_gaussian_vae import MultitaskGaussianVAEConfig
from latentia.models.recurrent_vae import ForcingConfig, RecurrentVAEConfig
from latentia.models.vq_vae import VQVAEConfig
from latentia.sequences import WordFormat
from latentia.training import (
    Evaluation,
    LoopSettings,
    Loss,
    Progress,
    StepContext,
    Task,
    fit,
    is_first_process,
    process_count,
)
from latentia.training.density import DensityTraining, density_task
from latentia.training.multitask import Balancing, MultitaskTraining, multitask_task
from latentia.training.processes import launch, part_of
from latentia.training.sequence import SequenceTraining, sequence_task

BATCHES = 6
DENSITIES = {
    "ladder": LadderVAEConfig(
        layers=(1, 1),
        channels=4,
        latent_channels=2,
        flow_channels=3,
        components=2,
        sdn=SpatialDependencyConfig(features=(4, 3)),
    ),
    "gaussian": GaussianVAEConfig(widths=(4, 6), latent_size=3, components=2),
}
MULTITASK = {
    "multitask gaussian": MultitaskGaussianVAEConfig(widths=(4, 6), latent_size=3, decoders="multi"),
    "vq": VQVAEConfig(embeddings=8, embedding_size=3, widths=(4, 6), decoders="multi", condition="convolution"),
}
SEQUENCES = {
    kind: RecurrentVAEConfig(hidden=6, latent_size=3, features=5, forcing=ForcingConfig(kind=kind, rate=rate))
    for kind, rate in (("full", 0.0), ("dynamic_word_dropout", 0.6))
}
MISSING = "cuda" if torch.backends.mps.is_available() else "mps"
"""No machine has both."""


@dataclass(frozen=True)
class Points:
    """Batches of eight random points; those of `spoiled` steps hold a NaN in the second half, process 1's part."""

    spoiled: frozenset[int] = frozenset()

    def __len__(self) -> int:
        return BATCHES

    def of_pass(self, number: int, first: int) -> Iterator[dict[str, Tensor]]:
        for place in range(first, BATCHES):
            generator = Generator().manual_seed(100 * number + place)
            x = torch.randn(8, 3, generator=generator, dtype=torch.float64)
            y = x.prod(dim=1, keepdim=True)
            if number * BATCHES + place in self.spoiled:
                x[6, 1] = torch.nan
            yield {"x": x, "y": y}


class Noisy(nn.Module):
    """A network that draws random numbers, has dropout and batch norm, and a method of its own that the loss calls."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(3, 16), nn.BatchNorm1d(16), nn.Tanh(), nn.Dropout(0.2), nn.Linear(16, 1)
        ).double()
        generator = Generator().manual_seed(3)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.normal_(0, 0.4, generator=generator)

    def errors(self, x: Tensor, y: Tensor) -> Tensor:
        return self.layers(x + 0.1 * torch.randn_like(x)) - y


def squares(module: nn.Module, batch: dict[str, Tensor], context: StepContext) -> Loss:
    assert isinstance(module, Noisy)
    errors = module.errors(batch["x"], batch["y"])
    return Loss(value=errors.square().mean(), figures={"absolute": errors.abs().mean(), "step": context.step})


def held_out(module: nn.Module) -> Evaluation:
    assert isinstance(module, Noisy)
    x = torch.linspace(-1, 1, 30, dtype=torch.float64).reshape(10, 3)
    error = float(module.errors(x, x.prod(dim=1, keepdim=True)).square().mean())
    return Evaluation(score=error, figures={"error": error})


def train(folder: Path, *, spoiled: frozenset[int] = frozenset(), kill_at: int = -1, resume: bool = False) -> None:
    """Train with two micro-batches, and keep in `folder` what was seen and what came out."""
    module = Noisy()
    task = Task(
        module=module,
        optimizer=torch.optim.Adamax(module.parameters(), lr=0.01),
        batches=Points(spoiled),
        loss=squares,
        evaluate=held_out,
        rate=lambda step: 0.95**step,
    )
    settings = LoopSettings(
        seed=7, steps=15, evaluate_steps=4, checkpoint_steps=3, micro_batches=2, average_decay=0.8, bad_steps=3
    )
    train_and_keep(folder, task, settings, kill_at=kill_at, resume=resume)


def train_density(folder: Path, name: str) -> None:
    """Train one of the models of images on three batches a pass, in float64, and keep the same."""
    form = ImageFormat(channels=1, height=8, width=8, bits=3)
    pixels = np.random.default_rng(0).integers(form.levels, size=(32, *form.shape), dtype=np.uint8)
    images, validation = (
        ImageSet(images=part, format=form, name="noise", split=Split.TRAIN) for part in (pixels[:24], pixels[24:])
    )
    training = DensityTraining(
        steps=5, batch=8, micro_batches=2, evaluate_steps=2, average_decay=0.8, learning_rate=0.005, accelerator="cpu"
    )
    torch.manual_seed(0)
    model = DENSITIES[name].build(form).double()
    batches = ShuffledImages(image_set=images, batch=training.batch, seed=7)
    folder.mkdir(exist_ok=True)
    task = density_task(model, batches, validation.tensor(slice(None)), training)
    train_and_keep(folder, task, training.loop(seed=7))


def train_multitask(folder: Path, name: str) -> None:
    """Train a model with two decoders, the second for a part of the steps, with weights that adapt."""
    form = ImageFormat(channels=1, height=8, width=8, bits=3)
    pixels = np.random.default_rng(0).integers(form.levels, size=(32, *form.shape), dtype=np.uint8)
    images = ImageSet(images=pixels[:24], format=form, name="noise", split=Split.TRAIN)
    training = MultitaskTraining(
        steps=7,
        batch=8,
        micro_batches=2,
        evaluate_steps=3,
        learning_rate=0.005,
        accelerator="cpu",
        masking=Masking(share=0.2),
        balancing=Balancing(kind="loss_weighted", beta=10.0, every=2),
        conditioned_steps=5,
    )
    torch.manual_seed(0)
    model = MULTITASK[name].build(form).double()
    batches = ShuffledImages(image_set=images, batch=training.batch, seed=7)
    folder.mkdir(exist_ok=True)
    task = multitask_task(model, batches, torch.from_numpy(pixels[24:]), training)
    train_and_keep(folder, task, training.loop(seed=7))


def train_sequences(folder: Path, name: str) -> None:
    """Train a model of sentences whose lengths differ, so that micro-batches are padded to different lengths."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(2, 9, 32)
    sentences = [np.append(rng.integers(2, 12, length - 1), 0) for length in lengths]
    words = WordFormat(words=12, longest=8)
    parts = [
        SequenceSet(
            values=np.concatenate(sentences[part]).astype(np.uint16),
            lengths=lengths[part],
            format=words,
            name="noise",
            split=Split.TRAIN,
            vocabulary=Vocabulary(words=("<eos>", "<unk>", *"abcdefghij")),
        )
        for part in (slice(24), slice(24, 32))
    ]
    training = SequenceTraining(
        steps=5, batch=8, micro_batches=2, evaluate_steps=2, annealing_steps=4, accelerator="cpu"
    )
    torch.manual_seed(0)
    model = SEQUENCES[name].build(words).double()
    batches = ShuffledSequences(sequence_set=parts[0], batch=training.batch, seed=7)
    folder.mkdir(exist_ok=True)
    task = sequence_task(model, batches, parts[1].sequences(slice(None)), training)
    train_and_keep(folder, task, training.loop(seed=7))


def train_models(folder: Path) -> None:
    for name in DENSITIES:
        train_density(folder / name, name)
    for name in MULTITASK:
        train_multitask(folder / name, name)
    for name in SEQUENCES:
        train_sequences(folder / name, name)


def train_and_keep(
    folder: Path, task: Task[Any], settings: LoopSettings, *, kill_at: int = -1, resume: bool = False
) -> None:
    seen: list[dict[str, float]] = []

    def watch(progress: Progress) -> None:
        if progress.evaluation is None:
            seen.append({"loss": progress.loss, **progress.figures})
        if progress.run_step == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    outcome = fit(task, settings, checkpoint=folder / "c.safetensors", resume=resume, on_progress=watch)
    if seen:  # only the first process is told
        history = [{**row, "seconds": 0} for row in outcome.history]
        facts = {"seen": seen, "history": history, "skipped": outcome.skipped, "best": outcome.best}
        (folder / "facts.json").write_text(json.dumps(facts))
        save_file(task.module.state_dict(), folder / "weights.safetensors")


def spawn(processes: int, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    launcher = ["-m", "torch.distributed.run", f"--nproc-per-node={processes}", "--local-addr=127.0.0.1"]
    launcher += ["--rdzv-backend=c10d", "--rdzv-endpoint=127.0.0.1:0"]
    command = [sys.executable, *(launcher if processes > 1 else []), __file__, str(folder), *options]
    environment = {**os.environ, "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def results(folder: Path) -> tuple[dict[str, Tensor], dict[str, object]]:
    return load_file(folder / "weights.safetensors"), json.loads((folder / "facts.json").read_text())


def assert_the_same(folder: Path, other: Path, *, skipped: int) -> None:
    """Losses, figures, history and weights of two runs, but for the order of sums."""
    (found, found_facts), (weights, facts) = results(folder), results(other)
    assert found.keys() == weights.keys()
    for name, value in weights.items():
        torch.testing.assert_close(found[name], value, rtol=1e-12, atol=1e-12)
    assert facts["skipped"] == found_facts["skipped"] == skipped
    assert facts["best"] == found_facts["best"]
    for key in ("seen", "history"):
        assert len(found_facts[key]) == len(facts[key])
        for expected, row in zip(facts[key], found_facts[key], strict=True):
            assert row == pytest.approx(expected, rel=1e-9, nan_ok=True)


def test_two_processes_give_the_losses_and_the_weights_of_one(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    train(one, spoiled=frozenset({5}))
    done = spawn(2, two, "spoil")
    assert done.returncode == 0, done.stderr

    assert_the_same(two, one, skipped=1)


def test_two_processes_train_models_to_the_losses_and_the_weights_of_one(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    train_models(one)
    done = spawn(2, two, "models")
    assert done.returncode == 0, done.stderr
    for name in (*DENSITIES, *MULTITASK, *SEQUENCES):
        assert_the_same(two / name, one / name, skipped=0)


def test_a_run_that_is_killed_with_signal_9_resumes_to_the_same_weights_to_the_bit(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    train(whole)
    assert spawn(1, killed, "kill").returncode == -signal.SIGKILL
    assert not (killed / "facts.json").exists()
    train(killed, resume=True)

    (weights, facts), (found, found_facts) = results(whole), results(killed)
    assert all(torch.equal(value, found[name]) for name, value in weights.items())
    assert found_facts["history"] == facts["history"]
    assert found_facts["seen"] == facts["seen"][6:]  # from the checkpoint after step 6 of the 8 that were taken


def test_bad_steps_in_a_row_stop_the_run_and_its_last_good_checkpoint_can_be_gone_on_with(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"3 steps in a row, up to step 10, .* checkpoint is .*c\.safetensors"):
        train(tmp_path, spoiled=frozenset({7, 8, 9}))
    train(tmp_path, resume=True)
    weights, facts = results(tmp_path)
    assert facts["skipped"] == 0
    assert all(torch.isfinite(value).all() for value in weights.values())


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"accelerator": MISSING}, f"accelerator '{MISSING}' cannot be used here"),
        ({"accelerator": "cpu", "precision": "16-mixed"}, "16-mixed needs a graphics card"),
    ],
)
def test_a_machine_that_cannot_do_what_is_set_is_named(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingError, match=told):
        launch(LoopSettings(seed=0, steps=1, **changes))


def test_micro_batches_that_processes_cannot_share_evenly_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("latentia.training.processes.process_count", lambda: 2)
    with pytest.raises(SettingError, match="must be a multiple of 2; it is 3"):
        launch(LoopSettings(seed=0, steps=1, micro_batches=3))


def test_without_torchrun_there_is_one_process_and_it_is_the_first() -> None:
    assert process_count() == 1
    assert is_first_process()


def test_a_batch_is_cut_into_equal_parts_in_order() -> None:
    batch = {"x": torch.arange(6), "pair": (torch.arange(12).reshape(6, 2), [torch.arange(6)])}
    parts = [part_of(batch, part, 3) for part in range(3)]
    assert torch.equal(torch.cat([part["x"] for part in parts]), batch["x"])
    assert torch.equal(parts[1]["pair"][0], torch.tensor([[4, 5], [6, 7]]))
    assert torch.equal(parts[2]["pair"][1][0], torch.tensor([4, 5]))


def test_a_batch_that_cannot_be_cut_evenly_is_refused() -> None:
    with pytest.raises(SettingError, match="batch of 6 cannot be cut into 4 equal"):
        part_of(torch.zeros(6), 0, 4)
    with pytest.raises(SettingError, match="not of <class 'str'>"):
        part_of((torch.zeros(4), "name"), 0, 2)


if __name__ == "__main__":
    if "models" in sys.argv:
        train_models(Path(sys.argv[1]))
    else:
        train(
            Path(sys.argv[1]),
            spoiled=frozenset({5}) if "spoil" in sys.argv else frozenset(),
            kill_at=8 if "kill" in sys.argv else -1,
        )
