"""Training towards several reconstructions at once: the loss by the thesis' formula, masks, balance, resumption."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from latentia.data import ImageSet, Mnist, ShuffledImages, Split
from latentia.errors import DataError, SettingError
from latentia.evaluation.tasks import evaluate_tasks
from latentia.images import ImageFormat
from latentia.masks import Masking, apply_mask, mask_keys
from latentia.models.multitask_gaussian_vae import MultitaskGaussianVAE, MultitaskGaussianVAEConfig
from latentia.models.vq_vae import VQVAE, VQVAEConfig
from latentia.objectives import SoftAdapt
from latentia.randomness import seeded
from latentia.training import LoopSettings, Loss, Outcome, Progress, StepContext, Task, fit
from latentia.training.multitask import Balanced, Balancing, MultitaskTraining, multitask_task

FORM = ImageFormat(channels=1, height=8, width=8, bits=2)
GRID = Masking(places="grid")
"""The same pixels at each step, so that a loss can be worked out beside it."""
GAUSSIAN = MultitaskGaussianVAEConfig(latent_size=2, widths=(4, 5))
VQ = VQVAEConfig(embeddings=6, embedding_size=2, widths=(4, 5))
either_model = pytest.mark.parametrize("config", [GAUSSIAN, VQ], ids=["gaussian", "vq"])
Config = MultitaskGaussianVAEConfig | VQVAEConfig


def pictures(count: int) -> Tensor:
    """Upright or level stripes, bright and dark, with a little noise."""
    rng = np.random.default_rng(0)
    stripes = np.tile(np.uint8([2, 2, 0, 0]), (8, 2))
    kinds = np.stack([stripes, stripes.T])[rng.integers(2, size=count)]
    return torch.from_numpy(kinds + rng.integers(2, size=kinds.shape, dtype=np.uint8))[:, None]


def image_set() -> ImageSet:
    return ImageSet(images=pictures(32).numpy(), format=FORM, name="squares", split=Split.TRAIN)


def make(config: Config, *, double: bool = False, **settings: Any) -> Task[Tensor]:
    settings = {"steps": 8, "batch": 8, "learning_rate": 0.01, **settings}
    if config.decoders != "plain":
        settings.setdefault("masking", GRID)
    with seeded(0):
        model = config.build(FORM)
    if double:
        model = model.double()
    batches = ShuffledImages(image_set=image_set(), batch=8, seed=0)
    return multitask_task(model, batches, pictures(12), MultitaskTraining(**settings))


def module_of(task: Task[Tensor]) -> Balanced:
    assert isinstance(task.module, Balanced)
    return task.module


def loss_of(task: Task[Tensor], images: Tensor, step: int = 0, seed: int = 3) -> Loss:
    with seeded(seed):
        loss = task.loss(task.module, images, StepContext(step=step, generator=torch.Generator().manual_seed(seed)))
    assert isinstance(loss, Loss)
    return loss


def score_of(task: Task[Tensor]) -> float:
    with torch.inference_mode():
        return task.evaluate(task.module.eval()).score


def run(task: Task[Tensor], folder: Path, **settings: Any) -> tuple[Outcome, list[Progress]]:
    seen: list[Progress] = []
    outcome = fit(
        task,
        LoopSettings(**{"seed": 1, "steps": 8, "evaluate_steps": 4, "accelerator": "cpu", **settings}),
        checkpoint=folder / "c.safetensors",
        on_progress=seen.append,
    )
    return outcome, seen


# The loss


@pytest.mark.parametrize("decoders", ["plain", "multi", "single"])
def test_the_gaussian_loss_sums_squared_errors_over_the_image_and_adds_the_divergence(decoders: Any) -> None:
    """Thesis B 3.2.2, with W₁ = 0.7, W₂ = 0.3 and β = 2."""
    weights = {"unconditioned_weight": 0.7, "conditioned_weight": 0.3, "latent_weight": 2.0}
    task = make(replace(GAUSSIAN, decoders=decoders), double=True, **weights)
    model, images = module_of(task).model, pictures(6)
    assert isinstance(model, MultitaskGaussianVAE)
    found = loss_of(task, images)
    x = images.double() / 3
    known = apply_mask(x, GRID.draw(mask_keys(0, count=6), 8, 8))
    mean, log_variance = model.encoder(x).chunk(2, 1)
    with seeded(3):
        z = mean + (0.5 * log_variance).exp() * torch.randn(6, 2, dtype=torch.float64)
    divergence = 0.5 * (-log_variance - 1 + mean**2 + log_variance.exp()).sum(1).mean()
    value, figures = 2 * divergence, {"latent_cost": divergence}
    for name, weight, decoder, given in (
        ("unconditioned_error", 0.7, model.decoder, ()),
        ("conditioned_error", 0.3, model.conditioned_decoder, (known,)),
    ):
        if decoder is not None:
            squares = ((decoder(z, *given) - x) ** 2).sum((1, 2, 3)).mean()
            value, figures[name] = value + weight * squares, squares / 64
    assert found.value.item() == pytest.approx(value.item(), rel=1e-12)
    assert {name: float(one) for name, one in found.figures.items()} == pytest.approx(
        {name: one.item() for name, one in figures.items()}, rel=1e-12
    )


@pytest.mark.parametrize("decoders", ["plain", "multi", "single"])
def test_the_vq_loss_has_means_of_squared_errors_and_of_distances_to_the_codebook(decoders: Any) -> None:
    """Thesis B 3.2.3 with W₁ = 0.7 and W₂ = 0.3, and the latter twice."""
    weights = {"unconditioned_weight": 0.7, "conditioned_weight": 0.3, "latent_weight": 2.0}
    task = make(replace(VQ, decoders=decoders), double=True, **weights)
    model, images = module_of(task).model, pictures(6)
    assert isinstance(model, VQVAE)
    found = loss_of(task, images)
    x = images.double() / 3
    known = apply_mask(x, GRID.draw(mask_keys(0, count=6), 8, 8))
    vectors = model.encoder(x)
    nearest = torch.cdist(vectors.movedim(1, -1), model.quantizer.codebook.expand(6, 2, -1, -1)).argmin(-1)
    z = model.quantizer.codebook[nearest].movedim(-1, 1)
    value = 2 * (1 + 0.25) * ((vectors - z) ** 2).mean()
    if model.decoder is not None:
        value = value + 0.7 * ((model.decoder(z) - x) ** 2).mean()
    if model.conditioned_decoder is not None:
        value = value + 0.3 * ((model.conditioned_decoder(z, known) - x) ** 2).mean()
    assert found.value.item() == pytest.approx(value.item(), rel=1e-12)


def test_the_weight_of_the_divergence_rises_in_the_warm_up() -> None:
    task = make(GAUSSIAN, double=True, latent_warm_up=10, latent_weight=0.5)
    losses = [loss_of(task, pictures(8), step) for step in (0, 5, 10, 20)]
    cost, values = float(losses[0].figures["latent_cost"]), [loss.value.item() for loss in losses]
    assert [value - values[0] for value in values] == pytest.approx([0, 0.25 * cost, 0.5 * cost, 0.5 * cost])


def test_real_values_are_trained_on_as_whole_numbers_are() -> None:
    task = make(replace(GAUSSIAN, decoders="multi"), double=True)
    whole, real = (loss_of(task, images).value.item() for images in (pictures(8), pictures(8).double() / 3))
    assert real == pytest.approx(whole, rel=1e-12)


# The score


@either_model
def test_the_score_is_the_loss_of_the_validation_images_whatever_the_balance(config: Config) -> None:
    weights: dict[str, Any] = {"unconditioned_weight": 0.7, "conditioned_weight": 0.3, "latent_weight": 2.0}
    config = replace(config, decoders="multi")
    task = make(config, balancing=Balancing(kind="loss_weighted"), **weights)
    module = module_of(task)
    before = score_of(task)
    module.weights.weights.copy_(torch.tensor([0.9, 0.1]))
    assert score_of(task) == before == score_of(make(config, **weights))
    figures = evaluate_tasks(module.model, pictures(12), GRID, batch=8)
    assert figures.conditioned is not None
    error = 0.7 * figures.unconditioned.mean() + 0.3 * figures.conditioned.mean()
    summed = 64 if isinstance(config, MultitaskGaussianVAEConfig) else 1
    assert before == pytest.approx(float(summed * error + 2 * figures.cost.mean()))


def test_figures_of_an_evaluation_have_the_codebooks_use_and_weights_that_adapt() -> None:
    def names(config: Config, **settings: Any) -> set[str]:
        task = make(config, **settings)
        with torch.inference_mode():
            return set(task.evaluate(task.module.eval()).figures)

    errors = {"unconditioned_error", "conditioned_error", "latent_cost"}
    weights = {"unconditioned_weight", "conditioned_weight"}
    assert names(GAUSSIAN) == errors - {"conditioned_error"}
    assert names(replace(GAUSSIAN, decoders="multi")) == errors
    assert names(replace(GAUSSIAN, decoders="multi"), balancing=Balancing(kind="original")) == errors | weights
    assert names(replace(VQ, decoders="single"), balancing=Balancing(kind="original")) == errors | {
        "perplexity",
        "used_codes",
    }


# Masks


@either_model
@pytest.mark.parametrize("decoders", ["multi", "single"])
def test_masks_are_new_at_each_step_and_the_same_in_each_evaluation(
    config: Config, decoders: Any, tmp_path: Path
) -> None:
    task = make(replace(config, decoders=decoders), masking=Masking(share=0.3))
    model, seen = module_of(task).model, {True: [], False: []}  # type: ignore[var-annotated]
    given = model.conditioned_decoder
    assert given is not None

    def note(decoder: Any, inputs: tuple[Tensor, Tensor]) -> None:
        if inputs[1][:, 1:].any():  # a single decoder is asked with empty masks too
            mode = torch.is_grad_enabled()
            if mode or not decoder.training:  # not where batch norm's statistics are taken
                seen[mode].append(inputs[1][:, 1:].clone())

    given.register_forward_pre_hook(note)
    run(task, tmp_path, micro_batches=2)
    training, held_out = torch.cat(seen[True]), torch.cat(seen[False])
    assert len(training) == 8 * 8 and len(training.unique(dim=0)) == len(training)
    assert len(held_out) == 2 * 12 and torch.equal(*held_out.chunk(2))


# The balance


@either_model
def test_softadapt_weighs_the_losses_of_whole_steps_and_changes_when_it_is_time(config: Config, tmp_path: Path) -> None:
    balancing = Balancing(kind="loss_weighted", beta=5.0, every=3)
    task = make(replace(config, decoders="multi"), balancing=balancing)
    beside = SoftAdapt(2, beta=5.0, variant="loss_weighted", every=3)
    summed = 64 if isinstance(config, MultitaskGaussianVAEConfig) else 1  # as in the loss
    weights = []

    def watch(progress: Progress) -> None:
        if progress.evaluation is None:
            weights.append(module_of(task).weights().tolist())
            figures = [progress.figures[f"{name}_error"] for name in ("unconditioned", "conditioned")]
            beside.observe(summed * torch.tensor(figures, dtype=torch.float64))
            assert weights[-1] == beside().tolist()

    settings = LoopSettings(seed=1, steps=8, evaluate_steps=2, micro_batches=2, accelerator="cpu")
    fit(task, settings, checkpoint=tmp_path / "c.safetensors", on_progress=watch)
    changed = [step for step, (one, other) in enumerate(pairwise([[1.0, 1.0], *weights]), start=1) if one != other]
    assert changed == [3, 6]
    assert sum(weights[-1]) == pytest.approx(1)


def test_the_balance_multiplies_the_reconstructions_weights() -> None:
    task = make(replace(GAUSSIAN, decoders="multi"), double=True, balancing=Balancing(kind="original"))
    first = loss_of(task, pictures(8))
    module_of(task).weights.weights.copy_(torch.tensor([0.25, 0.5]))
    second = loss_of(task, pictures(8))
    errors = [float(first.figures[f"{name}_error"]) for name in ("unconditioned", "conditioned")]
    less = 64 * (0.75 * errors[0] + 0.5 * errors[1])
    assert first.value.item() - second.value.item() == pytest.approx(less, rel=1e-12)


class Kill(BaseException):
    """Stands in for a signal: nothing in the library catches it."""


@pytest.mark.parametrize("kill_at", [1, 4, 5, 10])
@pytest.mark.parametrize(
    "config", [replace(GAUSSIAN, decoders="multi"), replace(VQ, decoders="multi", codebook_decay=0.9)], ids=str
)
def test_a_run_that_is_killed_goes_on_with_the_same_weights_and_balance_to_the_bit(
    config: Config, kill_at: int, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {
        "balancing": Balancing(kind="loss_weighted", beta=5.0, every=3),
        "masking": Masking(share=0.3),
        "conditioned_steps": 8,
    }
    loop = LoopSettings(
        seed=1, steps=10, evaluate_steps=5, checkpoint_steps=2, average_decay=0.8, micro_batches=2, accelerator="cpu"
    )

    def kill(progress: Progress) -> None:
        if progress.run_step == kill_at:
            raise Kill

    whole, first, second = (make(config, **settings) for _ in range(3))
    outcome = fit(whole, loop, checkpoint=tmp_path / "whole.safetensors")
    with pytest.raises(Kill):
        fit(first, loop, checkpoint=tmp_path / "c.safetensors", on_progress=kill)
    again = fit(second, loop, checkpoint=tmp_path / "c.safetensors", resume=True)
    rows = [[{**row, "seconds": 0} for row in one.history] for one in (outcome, again)]
    assert rows[0] == rows[1]
    state = whole.module.state_dict()
    assert {"weights.weights", "weights.recent", "weights.observed"} <= state.keys()
    for name, value in second.module.state_dict().items():
        assert torch.equal(value, state[name]), name


@pytest.mark.parametrize("codebook", [{}, {"codebook_decay": 0.9, "revive_below": 0.5}], ids=str)
def test_an_evaluation_changes_nothing_but_batch_norms_statistics(codebook: dict[str, float], tmp_path: Path) -> None:
    """Neither do the batches that these are taken from."""
    config = replace(VQ, decoders="multi", **codebook)  # type: ignore[arg-type]
    task = make(config, balancing=Balancing(kind="loss_weighted", every=2), average_decay=None)
    states: list[dict[str, Tensor]] = []

    def watch(progress: Progress) -> None:
        states.append({name: value.clone() for name, value in task.module.state_dict().items()})

    settings = LoopSettings(seed=1, steps=3, evaluate_steps=3, accelerator="cpu")
    fit(task, settings, checkpoint=tmp_path / "c.safetensors", on_progress=watch)
    last_step, evaluated = states[-2:]
    changed = {name for name, value in evaluated.items() if not torch.equal(value, last_step[name])}
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    assert changed and all(name.endswith(statistics) for name in changed)
    assert int(evaluated["weights.observed"]) == 3


# The second decoder for a part of the steps


@either_model
def test_after_the_conditioned_steps_the_second_decoder_stays_as_it_is(config: Config, tmp_path: Path) -> None:
    """AdamW shrinks weights, and goes on by momentum, also where gradients are zero; not where there are none."""
    task = make(replace(config, decoders="multi"), conditioned_steps=3)
    seconds: list[dict[str, Tensor]] = []
    firsts: list[Tensor] = []
    figures: list[set[str]] = []

    def watch(progress: Progress) -> None:
        if progress.evaluation is None:
            model = module_of(task).model
            assert model.decoder is not None and model.conditioned_decoder is not None
            seconds.append({name: one.detach().clone() for name, one in model.conditioned_decoder.named_parameters()})
            firsts.append(next(model.decoder.body.parameters()).detach().clone())
            figures.append(set(progress.figures))

    fit(
        task,
        LoopSettings(seed=1, steps=8, evaluate_steps=2, accelerator="cpu"),
        checkpoint=tmp_path / "c.safetensors",
        on_progress=watch,
    )
    for name, weight in seconds[2].items():
        assert all(torch.equal(weight, later[name]) for later in seconds[3:]), name
    assert not torch.equal(seconds[1]["body.0.0.weight"], seconds[2]["body.0.0.weight"])
    assert all(not torch.equal(one, other) for one, other in pairwise(firsts))
    assert ["conditioned_error" in one for one in figures] == [True] * 3 + [False] * 5


def test_after_the_conditioned_steps_the_loss_is_a_plain_models_whatever_the_balance_was() -> None:
    config = replace(GAUSSIAN, decoders="multi")
    task = make(
        config, double=True, conditioned_steps=3, unconditioned_weight=0.7, balancing=Balancing(kind="original")
    )
    module_of(task).weights.weights.copy_(torch.tensor([0.25, 0.75]))
    loss = loss_of(task, pictures(8), step=3)
    plain = 64 * 0.7 * float(loss.figures["unconditioned_error"]) + float(loss.figures["latent_cost"])
    assert loss.value.item() == pytest.approx(plain, rel=1e-12)


def test_with_conditioned_steps_the_best_weights_are_chosen_by_the_plain_model() -> None:
    config = replace(GAUSSIAN, decoders="multi")
    task, whole = make(config, conditioned_steps=3), make(config)
    figures = evaluate_tasks(module_of(task).model, pictures(12), GRID, batch=8)
    assert figures.conditioned is not None
    assert score_of(task) == pytest.approx(float(64 * figures.unconditioned.mean() + figures.cost.mean()))
    assert score_of(whole) - score_of(task) == pytest.approx(float(64 * figures.conditioned.mean()))


# Mixed precision, learning


@either_model
def test_mixed_precision_trains_with_finite_losses(config: Config, tmp_path: Path) -> None:
    config = replace(config, decoders="multi", condition="convolution")
    task = make(config, balancing=Balancing(kind="loss_weighted", every=3), precision="bf16-mixed")
    outcome, seen = run(task, tmp_path, precision="bf16-mixed")
    assert outcome.skipped == 0
    assert all(math.isfinite(one.loss) for one in seen)
    assert all(math.isfinite(value) for row in outcome.history for value in row.values())


def test_under_mixed_precision_the_cost_and_the_choice_of_codes_are_computed_in_float32() -> None:
    model = module_of(make(VQ)).model.eval()
    assert isinstance(model, VQVAE)
    values = model.shares(pictures(12))
    entering: list[Tensor] = []
    model.quantizer.register_forward_pre_hook(lambda quantizer, inputs: entering.append(inputs[0]))
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        latent = model.encode(values)
    assert entering[0].dtype is torch.bfloat16 and latent.cost.dtype is torch.float32
    assert latent.codes is not None and torch.equal(latent.codes, model.quantizer.nearest(entering[0].float()))


@pytest.mark.parametrize("decoders", ["plain", "multi", "single"])
@either_model
def test_training_lowers_the_errors_of_held_out_images(config: Config, decoders: Any, tmp_path: Path) -> None:
    task = make(replace(config, decoders=decoders))
    outcome, _ = run(task, tmp_path, steps=80, evaluate_steps=10)
    before, after = outcome.history[0], outcome.history[-1]
    assert after["score"] < 0.8 * before["score"]
    assert all(after[f"{name}_error"] < 0.8 * before[f"{name}_error"] for name in module_of(task).model.tasks)


@pytest.mark.real_data
@either_model
def test_real_digits_are_learned(config: Config, real_data: Path, tmp_path: Path) -> None:
    digits = Mnist(folder=real_data / "mnist", validation=64).load(Split.TRAIN)
    images = replace(digits, images=digits.images[:512], labels=None)
    config = replace(config, widths=(8, 16), decoders="multi", condition="convolution")
    with seeded(0):
        model = config.build(images.format)
    training = MultitaskTraining(steps=40, batch=32, learning_rate=0.005, masking=Masking(share=0.05))
    batches = ShuffledImages(image_set=images, batch=32, seed=0)
    held_out = torch.from_numpy(digits.images[-64:].copy())
    outcome, seen = run(multitask_task(model, batches, held_out, training), tmp_path, steps=40, evaluate_steps=20)
    losses = [one.loss for one in seen if one.evaluation is None]
    assert np.mean(losses[-5:]) < 0.6 * np.mean(losses[:5])
    assert outcome.history[1]["score"] < outcome.history[0]["score"]


# What is refused


@pytest.mark.parametrize(
    ("decoders", "settings", "says"),
    [
        ("plain", {"masking": GRID}, "says which pixels are known, but model.decoders 'plain' has no use for them"),
        ("multi", {"masking": None}, r"model.decoders 'multi' wants known pixels; training.masking must say which"),
        ("single", {"masking": None}, r"model.decoders 'single' wants known pixels; training.masking must say which"),
        (
            "plain",
            {"conditioned_steps": 3},
            "conditioned_steps is for models with a second decoder, .* 'plain' has not",
        ),
        (
            "single",
            {"conditioned_steps": 3},
            "conditioned_steps is for models with a second decoder, .*'single' has not",
        ),
    ],
)
def test_masking_and_decoders_that_do_not_go_together_are_refused(
    decoders: Any, settings: dict[str, Any], says: str
) -> None:
    for config in (GAUSSIAN, VQ):
        with pytest.raises(SettingError, match=says):
            make(replace(config, decoders=decoders), **settings)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"unconditioned_weight": -1.0}, "unconditioned_weight must be a number from 0 up; it is -1.0."),
        ({"conditioned_weight": -1.0}, "conditioned_weight must be a number from 0 up; it is -1.0."),
        ({"conditioned_weight": math.nan}, "conditioned_weight must be a number from 0 up; it is nan."),
        ({"latent_weight": -0.5}, "latent_weight must be a number from 0 up; it is -0.5."),
        ({"latent_warm_up": -1}, "latent_warm_up must be a number from 0 up; it is -1."),
        ({"conditioned_steps": 0}, "conditioned_steps must be 1 or more; it is 0."),
        ({"micro_batches": 3}, "batch must be a multiple of micro_batches; they are 128 and 3."),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingError, match=f"^{says}$"):
        MultitaskTraining(steps=1, **settings)


def test_a_balance_that_makes_no_sense_is_refused_before_there_is_a_model() -> None:
    with pytest.raises(SettingError, match="renews its weights after 3 steps or more, not 2"):
        Balancing(kind="original", order=2, every=2)


def test_validation_images_of_another_size_are_refused_before_training() -> None:
    batches = ShuffledImages(image_set=image_set(), batch=8, seed=0)
    with pytest.raises(DataError, match="it got 1×8×4"):
        multitask_task(GAUSSIAN.build(FORM), batches, pictures(4)[..., :4], MultitaskTraining(steps=1, batch=8))


def test_the_defaults_are_those_of_the_thesis() -> None:
    """Thesis B 3.4.3: AdamW with a rate of 10⁻³ and batches of 128."""
    training = MultitaskTraining(passes=100)
    assert (training.optimizer, training.learning_rate, training.batch) == ("adamw", 1e-3, 128)
    assert (training.unconditioned_weight, training.conditioned_weight, training.latent_weight) == (1, 1, 1)
    assert isinstance(training.make_optimizer(GAUSSIAN.build(FORM)), torch.optim.AdamW)
