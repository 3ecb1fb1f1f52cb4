from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from latentia.errors import SettingError
from latentia.models.base import AutoregressivePrior, PriorOfClass
from latentia.models.pixel_cnn import PixelCNN, PixelCNNConfig
from latentia.randomness import seeded

KINDS = ("gated", "masked")
GIVEN = {
    "alone": {},
    "classes": {"classes": 3},
    "condition": {"conditioned": True},
    "both": {"classes": 3, "conditioned": True},
}
Place = tuple[int, int]


def make(kind: str, size: Place = (3, 4), *, codes: int = 5, dtype: torch.dtype = torch.float64, **changes: Any):  # type: ignore[no-untyped-def]
    settings = {"layers": 3, "channels": 8, "kernel_size": 3, "first_kernel_size": 5, **changes}
    torch.manual_seed(0)
    config = PixelCNNConfig(kind=kind, **settings)  # type: ignore[arg-type]
    return config.build(codes=codes, height=size[0], width=size[1], condition_channels=2).to(dtype).eval()


def make_uneven(kind: str, size: Place, *, codes: int, **changes: Any) -> PixelCNN:
    """The probabilities of an untrained model are nearly even, which would hide what goes wrong with them."""
    model: PixelCNN = make(kind, size, codes=codes, **changes)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.5)
    return model


def given_to(model: PixelCNN, count: int) -> dict[str, Tensor]:
    """Labels and a condition of twice the grid's height and three times its width, where they are wanted."""
    given = {}
    if model.classes:
        given["labels"] = torch.arange(count) % model.classes
    if model.conditioned:
        shape = (count, 2, 2 * model.height, 3 * model.width)
        given["condition"] = torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return given


def maps_of(model: PixelCNN, count: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(model.codes, (count, model.height, model.width), generator=generator)


def places_of(model: PixelCNN) -> list[Place]:
    return list(itertools.product(range(model.height), range(model.width)))


def repeated(given: dict[str, Tensor], count: int) -> dict[str, Tensor]:
    """The first map's for `count` maps."""
    return {name: value[:1].expand(count, *value.shape[1:]) for name, value in given.items()}


def test_it_is_a_prior() -> None:
    assert isinstance(make("gated"), AutoregressivePrior)


@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("kind", KINDS)
def test_a_code_changes_later_logits_and_none_of_those_before(kind: str, given: str) -> None:
    model = make(kind, (4, 5), **GIVEN[given])
    places = places_of(model)
    codes = maps_of(model, 1).repeat(len(places), 1, 1)
    changed = codes.clone()
    for number, (row, column) in enumerate(places):
        changed[number, row, column] = (changed[number, row, column] + 1) % model.codes
    known = repeated(given_to(model, 1), len(places))
    with torch.no_grad():
        differs = (model(codes, **known) != model(changed, **known)).any(1).flatten(1)
    for number in range(len(places)):
        assert not differs[number, : number + 1].any()
        assert differs[number, number + 1 :].any() or number == len(places) - 1


def seen_by(model: PixelCNN, place: Place) -> set[Place]:
    """Places whose codes have an effect on the logits at one place."""
    seen = set()
    codes = maps_of(model, 1)
    with torch.no_grad():
        before = model(codes)[0, :, place[0], place[1]]
        for row, column in places_of(model):
            others = codes.repeat(model.codes, 1, 1)
            others[:, row, column] = torch.arange(model.codes)
            if (model(others)[:, :, place[0], place[1]] - before).abs().max() > 1e-12:
                seen.add((row, column))
    return seen


@pytest.mark.parametrize("place", [(5, 4), (6, 8), (3, 0)])
def test_the_gated_kind_sees_every_earlier_place_within_reach(place: Place) -> None:
    model = make("gated", (7, 9), layers=2)
    reach = 2 + 1  # half of the kernels, 5 and 3
    near = {
        (row, column)
        for row, column in places_of(model)
        if place[0] - row <= reach and abs(place[1] - column) <= reach and (row, column) < place
    }
    assert seen_by(model, place) == near


def test_the_masked_kind_does_not_see_a_wedge_to_the_right() -> None:
    model = make("masked", (7, 9), layers=2)
    place = (5, 4)

    def kernel(reach: int) -> set[Place]:
        around = itertools.product(range(-reach, reach + 1), repeat=2)
        return {offset for offset in around if offset < (0, 0)}

    steps = itertools.product(kernel(2), kernel(1) | {(0, 0)})
    near = {(place[0] + one[0] + other[0], place[1] + one[1] + other[1]) for one, other in steps}
    assert (4, 7) not in near
    assert seen_by(model, place) == near


@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize(("codes", "size"), [(2, (2, 3)), (3, (2, 2))])
@pytest.mark.parametrize("kind", KINDS)
def test_the_probabilities_of_all_maps_sum_to_one(kind: str, codes: int, size: Place, given: str) -> None:
    model = make_uneven(kind, size, codes=codes, **GIVEN[given])
    everything = all_maps(model)
    with torch.no_grad():
        probabilities = model.log_prob(everything, **repeated(given_to(model, 1), len(everything))).exp()
    assert probabilities.sum().item() == pytest.approx(1, abs=1e-12)
    assert probabilities.max() > 1.5 * probabilities.min()


def all_maps(model: PixelCNN) -> Tensor:
    """Every map there is; map number n has n's digits, the last place the lowest."""
    levels = torch.arange(model.codes)
    return torch.cartesian_prod(*[levels] * (model.height * model.width)).view(-1, model.height, model.width)


@pytest.mark.parametrize("temperature", [1.0, 1.6])
@pytest.mark.parametrize("kind", KINDS)
def test_maps_are_drawn_as_often_as_their_probability_says(kind: str, temperature: float) -> None:
    model = make_uneven(kind, (2, 2), codes=3, classes=3)
    count, everything = 20_000, all_maps(model)
    label = torch.ones(1, dtype=torch.int64)
    with seeded(0), torch.no_grad():
        drawn = model.sample(count, labels=label.expand(count), temperature=temperature)
        logits = model(everything, label.expand(len(everything))) / temperature
    each = logits.log_softmax(1).gather(1, everything[:, None])
    expected = count * each.flatten(1).sum(1).exp()
    digits = drawn.flatten(1) @ torch.tensor([27, 9, 3, 1])
    observed = digits.bincount(minlength=81).double()
    statistic = ((observed - expected).square() / expected).sum()
    assert statistic < 124.8  # the 99.9 % quantile of χ² with 80 degrees of freedom


@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("kind", KINDS)
def test_at_temperature_zero_every_code_is_the_most_probable_one(kind: str, given: str) -> None:
    model = make(kind, **GIVEN[given])
    known = given_to(model, 4)
    state = torch.get_rng_state()
    drawn = model.sample(4, temperature=0, **known)
    assert torch.equal(drawn, model(drawn, **known).argmax(1))
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("size", [(3, 5), (6, 2), (1, 4), (4, 1)])
@pytest.mark.parametrize("kind", KINDS)
def test_caches_change_no_code_and_no_random_number(kind: str, size: Place, given: str) -> None:
    model = make(kind, size, **GIVEN[given])
    for count, temperature in ((1, 1.0), (3, 0.7), (2, 0)):
        known = given_to(model, count)
        with seeded(count):
            quick, after_quick = model.sample(count, temperature=temperature, **known), torch.rand(1)
        with seeded(count):
            slow, after_slow = model.sample(count, temperature=temperature, cached=False, **known), torch.rand(1)
        assert torch.equal(quick, slow)
        assert after_quick == after_slow


@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize(
    "changes", [{}, {"layers": 1}, {"kernel_size": 5, "first_kernel_size": 3}, {"first_kernel_size": 7, "layers": 5}]
)
@pytest.mark.parametrize("kind", KINDS)
def test_logits_place_by_place_are_those_of_the_whole_map(kind: str, changes: dict[str, int], given: str) -> None:
    model = make(kind, (4, 5), **changes, **GIVEN[given])
    codes, known = maps_of(model, 3), given_to(model, 3)
    with torch.no_grad():
        whole = model(codes, **known)
        one_by_one = torch.stack(list(model.predict(codes, **known)), -1).view_as(whole)
    torch.testing.assert_close(one_by_one, whole, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_classes_and_conditions_change_what_is_probable(kind: str) -> None:
    model = make(kind, classes=3, conditioned=True)
    codes, known = maps_of(model, 1).repeat(3, 1, 1), repeated(given_to(model, 1), 3)
    with torch.no_grad():
        of_classes = model(codes, torch.arange(3), known["condition"])
        known["condition"] = known["condition"].clone()
        known["condition"][1, 0, -1, -1] += 1
        of_conditions = model(codes, **known)
    assert (of_classes[0] != of_classes[1]).all()
    assert (of_classes[1] != of_classes[2]).all()
    assert torch.equal(of_conditions[0], of_conditions[2])
    # What is known of the last pixel counts at the first place too.
    assert (of_conditions[0] != of_conditions[1]).any(0)[0, 0]


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_gets_a_gradient(kind: str) -> None:
    model = make(kind, (4, 5), classes=3, conditioned=True)
    model.log_prob(maps_of(model, 9), **given_to(model, 9)).sum().backward()
    assert not [name for name, parameter in model.named_parameters() if not parameter.grad.any()]


@pytest.mark.parametrize("given", ["alone", "both"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_few_maps_are_learned_by_heart(kind: str, given: str) -> None:
    model = make(kind, (3, 3), dtype=torch.float32, **GIVEN[given]).train()
    codes, known = maps_of(model, 3), given_to(model, 3)
    known = {name: value if name == "labels" else value.float() for name, value in known.items()}
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(250):
        optimizer.zero_grad()
        loss = -model.log_prob(codes, **known).mean()
        loss.backward()
        optimizer.step()
    # Three maps, equally probable, or each given its class and condition.
    least = 0 if known else math.log(3)
    assert least - 1e-4 < loss.item() < least + 0.05
    with seeded(0):
        drawn = model.sample(3, **known)
    assert all((codes == one).flatten(1).all(1).any() for one in drawn)
    assert not known or torch.equal(drawn, codes)


def test_under_mixed_precision_logits_are_of_full_precision() -> None:
    model = make("gated", dtype=torch.float32)
    codes = maps_of(model, 2)
    exact = model.log_prob(codes)
    with torch.autocast("cpu", torch.bfloat16):
        assert model(codes).dtype == torch.float32
        mixed = model.log_prob(codes)
        assert model.sample(2).shape == codes.shape
    assert mixed.dtype == torch.float32
    torch.testing.assert_close(mixed, exact, rtol=0.02, atol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_acts_in_training_and_never_when_maps_are_drawn(kind: str) -> None:
    model = make(kind, dropout=0.5).train()
    codes = maps_of(model, 2)
    assert not torch.equal(model.log_prob(codes), model.log_prob(codes))
    draws = []
    for training, cached in ((True, True), (True, False), (False, True)):
        with seeded(0):
            draws.append(model.train(training).sample(2, cached=cached))
        assert all(part.training == training for part in model.modules())
    assert torch.equal(draws[0], draws[1])
    assert torch.equal(draws[0], draws[2])


def test_drawn_maps_may_take_part_in_training() -> None:
    model = make("gated")
    model.log_prob(model.sample(2)).sum().backward()
    assert model.head.weight.grad is not None


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"layers": 0}, "layers must be 1 or more; it is 0."),
        ({"channels": 0}, "channels must be 1 or more; it is 0."),
        ({"classes": -1}, "classes must be 0 or more; it is -1."),
        ({"kernel_size": 4}, "kernel_size must be odd and 3 or more; it is 4."),
        ({"first_kernel_size": 1}, "first_kernel_size must be odd and 3 or more; it is 1."),
        ({"dropout": 1.0}, "dropout must be at least 0 and below 1; it is 1.0."),
    ],
)
def test_sizes_that_make_no_model_are_refused_by_name(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingError, match=f"^{says}$"):
        PixelCNNConfig(**settings)


@pytest.mark.parametrize(
    ("sizes", "says"),
    [
        ({"codes": 0}, "codes must be 1 or more; it is 0."),
        ({"width": 0}, "width must be 1 or more; it is 0."),
        ({"condition_channels": 0}, "condition_channels must be 1 or more; it is 0."),
    ],
)
def test_maps_that_are_none_are_refused_by_name(sizes: dict[str, int], says: str) -> None:
    with pytest.raises(SettingError, match=f"^{says}$"):
        PixelCNNConfig(conditioned=True).build(**{"codes": 4, "height": 2, "width": 2, **sizes})


ZEROS = torch.zeros(2, 3, 4, dtype=torch.int64)


@pytest.mark.parametrize(
    ("given", "codes", "known", "says"),
    [
        ("alone", ZEROS[:, :, :3], {}, r"wants maps of 3×4 codes; it got 3×3\."),
        ("alone", ZEROS + 5, {}, r"wants codes 0 to 4; it got 5 to 5\."),
        ("alone", ZEROS - 1, {}, r"wants codes 0 to 4; it got -1 to -1\."),
        ("alone", ZEROS, {"labels": torch.arange(2)}, r"has no classes .* it got labels\."),
        ("alone", ZEROS, {"condition": torch.zeros(2, 2, 6, 8)}, r"is not conditioned .* it got a condition\."),
        ("classes", ZEROS, {}, r"wants labels of its 3 classes; there are none\."),
        ("classes", ZEROS, {"labels": torch.arange(2) + 2}, r"wants labels 0 to 2; it got 2 to 3\."),
        ("condition", ZEROS, {}, r"wants a condition of 2 channels; there is none\."),
        (
            "condition",
            ZEROS,
            {"condition": torch.zeros(2, 3, 6, 8)},
            r"of the shape \(2, 2, rows, columns\), of 3×4 places or more; it got \(2, 3, 6, 8\)\.",
        ),
        ("condition", ZEROS, {"condition": torch.zeros(2, 2, 2, 8)}, r"it got \(2, 2, 2, 8\)\."),
    ],
)
def test_what_does_not_fit_is_refused(given: str, codes: Tensor, known: dict[str, Tensor], says: str) -> None:
    model = make("gated", **GIVEN[given])
    with pytest.raises(SettingError, match=f"^The prior .*{says}$"):
        model.log_prob(codes, **known)


@pytest.mark.parametrize(
    ("given", "known", "says"),
    [
        ("classes", {"labels": torch.arange(3)}, r"wants a label for each of 2 maps; it got 3\."),
        ("condition", {"condition": torch.zeros(1, 2, 6, 8)}, r"wants a condition .* it got \(1, 2, 6, 8\)\."),
        ("both", {"labels": torch.arange(2)}, r"wants a condition of 2 channels; there is none\."),
    ],
)
@pytest.mark.parametrize("cached", [True, False])
def test_maps_are_not_drawn_where_something_does_not_fit(
    given: str, known: dict[str, Tensor], says: str, cached: bool
) -> None:
    with pytest.raises(SettingError, match=f"^The prior {says}$"):
        make("gated", **GIVEN[given]).sample(2, cached=cached, **known)


@pytest.mark.parametrize(
    ("count", "temperature", "says"),
    [(0, 1.0, "At least one map is drawn, not 0."), (1, -0.5, "A temperature is a number from 0 up, not -0.5.")],
)
def test_drawing_nothing_or_colder_than_zero_is_refused(count: int, temperature: float, says: str) -> None:
    with pytest.raises(SettingError, match=f"^{says}$"):
        make("gated").sample(count, temperature=temperature)


@pytest.mark.parametrize("given", ["classes", "both"])
def test_one_class_of_a_prior_is_a_prior_without_classes(given: str) -> None:
    model = make_uneven("gated", (2, 3), codes=3, **GIVEN[given])
    maps, rest = maps_of(model, 4), given_to(model, 4)
    rest.pop("labels")
    for label in range(3):
        labels, one = torch.full((4,), label), PriorOfClass(model, label)
        assert not one.classes and one.conditioned == model.conditioned
        assert torch.equal(one.log_prob(maps, **rest), model.log_prob(maps, labels=labels, **rest))
        drawn = []
        for prior, more in ((one, {}), (model, {"labels": labels})):
            with seeded(7):
                drawn.append(prior.sample(4, temperature=0.7, **rest, **more))
        assert torch.equal(*drawn)
        with pytest.raises(SettingError, match=f"^The prior is that of class {label} alone; it got labels.$"):
            one.log_prob(maps, labels=labels, **rest)


def test_a_class_that_is_not_there_is_named() -> None:
    for label in (-1, 3):
        with pytest.raises(SettingError, match=f"^The prior has classes 0 to 2, and no class {label}.$"):
            PriorOfClass(make("gated", classes=3), label)
    with pytest.raises(SettingError, match=r"^The prior has no classes, of which 1 could be one\.$"):
        PriorOfClass(make("gated"), 1)
