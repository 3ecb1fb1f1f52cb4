"""Gates drop as often as they say, with the right gradient and penalty, and decoders are fed what gates let through."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, kl_divergence

from latentia.distributions.logistic import logistic_noise
from latentia.errors import SettingError
from latentia.layers.gates import (
    ContextName,
    FixedGates,
    GateContext,
    InferredGates,
    bernoulli_divergence,
    straight_through,
)
from latentia.layers.recurrent_decoder import RecurrentDecoder
from latentia.layers.teacher_forcing import (
    DynamicActivationDropout,
    DynamicScheduledSampling,
    DynamicWordDropout,
    ScheduledSampling,
    TeacherForcing,
    VanillaDropout,
    WordDropout,
    teacher_forcing,
)
from latentia.randomness import seeded

FEATURES, STATE, LATENT = 5, 7, 3
ALL: tuple[ContextName, ...] = ("input", "state", "latent")


def context(*names: ContextName, hidden: int = 4) -> GateContext:
    return GateContext(features=FEATURES, state=STATE, latent=LATENT, names=names or ALL, hidden=hidden)


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def moved(gates: InferredGates, seed: int = 0) -> InferredGates:
    """Weights away from the beginning, at which every probability is the prior."""
    with torch.no_grad():
        for number, weight in enumerate(gates.parameters()):
            weight.add_(draw(*weight.shape, seed=seed + number).to(weight))
    return gates


def decoder(forcing: TeacherForcing) -> RecurrentDecoder:
    with seeded(0):
        return RecurrentDecoder(features=FEATURES, hidden=STATE, latent=LATENT, forcing=forcing).double()


def test_the_straight_through_draw_is_0_or_1_as_often_as_its_probability_says() -> None:
    logits = torch.tensor([-2.0, 0.0, 1.5], dtype=torch.float64).expand(20_000, 3)
    with seeded(1):
        drawn = straight_through(logits, 0.7)
    assert set(drawn.unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(drawn.mean(0), logits[0].sigmoid(), atol=0.015, rtol=0)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_its_gradient_is_that_of_the_gumbel_softmax(temperature: float) -> None:
    logits = draw(50).requires_grad_()
    with seeded(2):
        straight_through(logits, temperature).sum().backward()
    with seeded(2):
        noise = logistic_noise(logits.shape, logits)
    soft = ((logits.detach() + noise) / temperature).sigmoid()
    torch.testing.assert_close(logits.grad, soft * (1 - soft) / temperature)


def test_two_gumbels_draw_what_one_logistic_number_does() -> None:
    gumbels = (
        -torch.empty(2, 100_000, dtype=torch.float64).exponential_(generator=torch.Generator().manual_seed(0)).log()
    )
    with seeded(3):
        noise = logistic_noise(torch.Size([100_000]), gumbels)
    levels = torch.linspace(0.02, 0.98, 25, dtype=torch.float64)
    torch.testing.assert_close((gumbels[0] - gumbels[1]).quantile(levels), noise.quantile(levels), atol=0.06, rtol=0)


@pytest.mark.parametrize("prior", [0.1, 0.6, 0.9])
def test_the_penalty_is_the_divergence_of_two_coins(prior: float) -> None:
    logits = torch.tensor([-40.0, -3.0, 0.0, 0.4, 5.0, 40.0], dtype=torch.float64)
    expected = kl_divergence(Bernoulli(logits=logits), Bernoulli(torch.tensor(prior, dtype=torch.float64)))
    torch.testing.assert_close(bernoulli_divergence(logits, prior), expected)


@pytest.mark.parametrize("hidden", [0, 4])
def test_inferred_gates_begin_at_the_prior_and_can_leave_it(hidden: int) -> None:
    gates = InferredGates(0.6, context("input", "latent", hidden=hidden)).double()
    inputs, latent = draw(2, 4, FEATURES), draw(2, LATENT, seed=1)
    gate = gates(gates.prepare(inputs, latent))
    torch.testing.assert_close(gate.drop, torch.full((2, 4, 1), 0.6, dtype=torch.float64))
    torch.testing.assert_close(gate.divergence, torch.zeros(2, 4, dtype=torch.float64))
    gate.drop.sum().backward()
    last = gates.of_input if gates.second is None else gates.second
    assert last is not None and last.weight.grad is not None and last.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("name", ALL)
def test_a_gate_goes_by_its_context_alone(name: ContextName) -> None:
    gates = moved(InferredGates(0.5, context(name)).double())
    given = {"input": draw(2, 1, FEATURES), "state": draw(2, STATE), "latent": draw(2, LATENT)}

    def drop(**changed: Tensor) -> Tensor:
        seen = given | changed
        weight = gates.state_weight
        from_state = None if weight is None else (seen["state"] @ weight.T)[:, None]
        probability: Tensor = gates(gates.prepare(seen["input"], seen["latent"]), from_state).drop
        return probability

    for other in ALL:
        assert torch.equal(drop(**{other: given[other] + 1}), drop()) == (other != name)


def test_an_infinite_weight_of_the_penalty_makes_word_dropout() -> None:
    """Thesis A, 3.4.1: in the limit β → ∞ the penalty alone counts, and its optimum drops by the prior alone."""
    gates = moved(InferredGates(0.7, context("input")).double())
    inputs, latent = draw(40, 25, FEATURES), draw(40, LATENT)
    optimizer = torch.optim.LBFGS(gates.parameters(), max_iter=200, line_search_fn="strong_wolfe")
    before = float(gates(gates.prepare(inputs, latent)).divergence.mean())

    def penalty() -> Tensor:
        optimizer.zero_grad()
        value: Tensor = gates(gates.prepare(inputs, latent)).divergence.mean()
        value.backward()
        return value

    optimizer.step(penalty)
    gate = gates(gates.prepare(inputs, latent))
    assert before > 0.1
    torch.testing.assert_close(gate.drop, torch.full_like(gate.drop, 0.7), atol=1e-3, rtol=0)
    fixed = WordDropout(0.7)
    with seeded(4):
        many = [
            [one.gates(one.gates.prepare(inputs, latent)).keep.mean() for _ in range(20)]
            for one in (TeacherForcing(gates), fixed)
        ]
    for kept in many:
        assert torch.stack(kept).mean().item() == pytest.approx(0.3, abs=0.01)


def test_fixed_gates_drop_in_training_and_keep_in_evaluation() -> None:
    inputs, latent = draw(200, 50, FEATURES), draw(200, LATENT)
    forcing = WordDropout(0.3)
    with seeded(5):
        gate = forcing.gates(forcing.gates.prepare(inputs, latent))
    assert gate.keep.mean() == pytest.approx(0.7, abs=0.02)
    fed = forcing.feed(gate, inputs)
    dropped = gate.keep[..., 0] == 0
    assert not fed[dropped].any() and torch.equal(fed[~dropped], inputs[~dropped])
    forcing.eval()
    gate = forcing.gates(forcing.gates.prepare(inputs, latent))
    assert torch.equal(forcing.feed(gate, inputs), inputs)
    assert not gate.divergence.any()


def test_vanilla_dropout_is_of_features_and_keeps_their_mean() -> None:
    inputs, latent = torch.ones(300, 40, FEATURES), torch.zeros(300, LATENT)
    forcing = VanillaDropout(0.6, features=FEATURES)
    with seeded(6):
        fed = forcing.feed(forcing.gates(forcing.gates.prepare(inputs, latent)), inputs)
    assert fed.unique().tolist() == pytest.approx([0.0, 2.5])
    assert fed.mean() == pytest.approx(1.0, abs=0.02)
    assert ((fed == 0).any(-1) & (fed != 0).any(-1)).double().mean() > 0.1  # not whole steps


def test_without_teacher_forcing_nothing_is_ever_kept() -> None:
    forcing = teacher_forcing("none", 0.5, context())
    inputs, latent = draw(2, 3, FEATURES), draw(2, LATENT)
    for mode in (True, False):
        forcing.train(mode)
        assert not forcing.feed(forcing.gates(forcing.gates.prepare(inputs, latent)), inputs).any()


class Waiting(TeacherForcing):
    """Takes steps one by one, where they could go at once."""

    waits = True


@pytest.mark.parametrize("rate", [0.0, 0.4])
def test_steps_one_by_one_are_those_of_the_fused_unit(rate: float) -> None:
    inputs, latent = draw(3, 6, FEATURES), draw(3, LATENT)
    gradients = []
    for forcing in (WordDropout(rate), Waiting(FixedGates(rate))):
        made = decoder(forcing).eval()  # in training the two would draw in another order
        decoded = made(inputs, latent)
        decoded.states.square().sum().backward()
        gradients.append([decoded.states.detach(), *(one.grad for one in made.parameters())])
    for fused, single in zip(*gradients, strict=True):
        torch.testing.assert_close(fused, single)


@pytest.mark.parametrize("make", [DynamicWordDropout, DynamicScheduledSampling])
def test_in_evaluation_states_are_known_before_their_gates(
    make: Callable[[float, GateContext], TeacherForcing],
) -> None:
    made = decoder(make(0.6, context()))
    assert isinstance(made.forcing.gates, InferredGates)
    moved(made.forcing.gates)
    made.eval()
    inputs, latent = draw(3, 6, FEATURES), draw(3, LATENT)
    decoded = made(inputs, latent)
    slowly = made._one_by_one(inputs, made.forcing.gates.prepare(inputs, latent), made.first(latent), None)
    torch.testing.assert_close(decoded.states, slowly.states)
    for name in ("drop", "keep", "divergence"):
        torch.testing.assert_close(getattr(decoded.gate, name), getattr(slowly.gate, name))
    assert decoded.gate.drop.std() > 0.01


def test_what_is_dropped_is_never_seen_and_what_is_replaced_is_the_prediction() -> None:
    inputs, latent = draw(4, 5, FEATURES), draw(4, LATENT)
    for forcing in (DynamicWordDropout(0.5, context("state")), DynamicScheduledSampling(0.5, context("latent"))):
        made = decoder(forcing)
        predictions: list[Tensor] = []

        def predict(state: Tensor, seen: list[Tensor] = predictions) -> Tensor:
            assert not torch.is_grad_enabled()
            seen.append(state[:, :FEATURES] + 1)
            return seen[-1]

        with seeded(7):
            decoded = made(inputs, latent, predict)
        kept = decoded.gate.keep[..., 0] > 0.5
        assert kept.any() and not kept.all()
        instead = torch.stack(predictions, 1) if predictions else torch.zeros_like(inputs)
        unit = made.unit
        fed = torch.where(kept[..., None], inputs, instead)
        expected, _ = unit(fed, made.first(latent)[None])
        torch.testing.assert_close(decoded.states[:, 1:], expected)
        assert bool(predictions) == forcing.feeds_predictions


def test_activation_dropout_gates_each_feature_and_expects_in_evaluation() -> None:
    made = decoder(DynamicActivationDropout(0.4, context()))
    inputs, latent = draw(3, 4, FEATURES), draw(3, LATENT)
    with seeded(8):
        decoded = made(inputs, latent)
    assert decoded.gate.keep.shape == (3, 4, FEATURES)
    assert set(decoded.gate.keep.unique().tolist()) == {0.0, 1.0}
    made.eval()
    torch.testing.assert_close(made(inputs, latent).gate.keep, torch.full((3, 4, FEATURES), 0.6, dtype=torch.float64))


def test_the_loss_reaches_the_gates_through_what_they_let_through() -> None:
    made = decoder(DynamicWordDropout(0.5, context()))
    with seeded(9):
        made(draw(4, 6, FEATURES), draw(4, LATENT)).states.square().sum().backward()
    assert isinstance(made.forcing.gates, InferredGates) and made.forcing.gates.second is not None
    gradient = made.forcing.gates.second.weight.grad
    assert gradient is not None and gradient.abs().sum() > 0


@pytest.mark.parametrize("name", ["full", "word_dropout", "dynamic_word_dropout", "dynamic_dropout"])
def test_free_running_steps_are_those_of_teacher_forcing_in_evaluation(name: str) -> None:
    made = decoder(teacher_forcing(name, 0.5, context())).eval()  # type: ignore[arg-type]
    inputs, latent = draw(2, 4, FEATURES), draw(2, LATENT)
    states = [made.first(latent)]
    for step in range(4):
        states.append(made.advance(inputs[:, step], states[-1], latent))
    torch.testing.assert_close(torch.stack(states, 1), made(inputs, latent).states)


def test_a_sequence_of_one_step_is_fed_nothing() -> None:
    for forcing in (WordDropout(0.0), DynamicWordDropout(0.5, context())):
        decoded = decoder(forcing)(draw(2, 0, FEATURES), draw(2, LATENT))
        assert decoded.states.shape == (2, 1, STATE) and decoded.gate.divergence.shape == (2, 0)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: WordDropout(1.2), "The rate of dropping is 0 to 1, of features below 1; it is 1.2."),
        (lambda: ScheduledSampling(math.nan), "The rate of dropping is 0 to 1"),
        (lambda: VanillaDropout(1.0, features=2), "of features below 1; it is 1.0."),
        (
            lambda: DynamicWordDropout(1.0, context()),
            "The prior probability of dropping is between 0 and 1; it is 1.0.",
        ),
        (lambda: context("input", "input"), "The context is one or several of input, state and latent"),
        (lambda: GateContext(features=1, state=1, latent=1, names=()), "The context is one or several"),
        (lambda: GateContext(features=1, state=1, latent=1, temperature=0.0), "a number above 0, not 0.0"),
        (lambda: GateContext(features=1, state=1, latent=1, hidden=-1), "hidden must be 0 or more; it is -1."),
    ],
)
def test_settings_that_make_no_sense_are_one_sentence(make: Callable[[], object], says: str) -> None:
    with pytest.raises(SettingError, match=says):
        make()
