from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Hashable
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from latentia.errors import DataError
from latentia.evaluation import TeacherForcingTerms, drop_prefix, teacher_forcing_terms

Array = NDArray[np.float64]
Part = Callable[..., Hashable]
LN2 = math.log(2)


def some_joint(rng: np.random.Generator, steps: int, symbols: int, latents: int) -> Array:
    """Some combinations are rare."""
    weights = rng.gamma(0.5, size=(symbols,) * steps + (latents,))
    return np.asarray(weights / weights.sum())


def some_decoder(rng: np.random.Generator, joint: Array, outputs: int) -> list[Array]:
    shapes = [(*joint.shape[:step], joint.shape[-1]) for step in range(joint.ndim - 1)]
    return [rng.dirichlet(np.full(outputs, 0.5), size=shape) for shape in shapes]


def without_prefix(rng: np.random.Generator, joint: Array, outputs: int) -> list[Array]:
    """A decoder that is not autoregressive."""
    rows = [rng.dirichlet(np.ones(outputs), size=joint.shape[-1]) for _ in range(joint.ndim - 1)]
    return [np.broadcast_to(row, (*joint.shape[:step], *row.shape)) for step, row in enumerate(rows)]


def without_latent(rng: np.random.Generator, joint: Array, outputs: int) -> list[Array]:
    """A decoder that looks at the prefix alone."""
    tables = [rng.dirichlet(np.full(outputs, 0.5), size=joint.shape[:step]) for step in range(joint.ndim - 1)]
    return [np.repeat(table[..., None, :], joint.shape[-1], axis=-2) for table in tables]


def copies(steps: int, symbols: int, latents: int) -> list[Array]:
    """A decoder that says what it saw last, and first always 0."""
    tables = [np.zeros((*(symbols,) * step, latents, symbols)) for step in range(steps)]
    tables[0][..., 0] = 1
    for step in range(1, steps):
        for seen in product(range(symbols), repeat=step):
            tables[step][seen][:, seen[-1]] = 1
    return tables


def uniform_with_first_as_latent(steps: int, symbols: int) -> Array:
    """Independent, even symbols, and z = x_1."""
    joint = np.zeros((symbols,) * steps + (symbols,))
    for x in product(range(symbols), repeat=steps):
        joint[(*x, x[0])] = symbols**-steps
    return joint


def by_definition(joint: Array, decoder: list[Array]) -> dict[str, float]:
    """Every term from the whole distribution of (x, z, x̂), as E log p(a, b | c) / (p(a | c) p(b | c))."""
    steps = joint.ndim - 1
    outcomes: list[tuple[tuple[int, ...], int, tuple[int, ...], float]] = []
    for *x, z in product(*map(range, joint.shape)):
        for written in product(*(range(table.shape[-1]) for table in decoder)):
            chance = joint[(*x, z)] * math.prod(decoder[i][(*x[:i], z, written[i])] for i in range(steps))
            outcomes.append((tuple(x), z, written, float(chance)))

    def information(first: Part, second: Part, condition: Part) -> float:
        parts = [(first(*seen), second(*seen), condition(*seen), chance) for *seen, chance in outcomes]
        whole, one, other, given = (defaultdict[Hashable, float](float) for _ in range(4))
        for a, b, c, chance in parts:
            for table, key in ((whole, (a, b, c)), (one, (a, c)), (other, (b, c)), (given, c)):
                table[key] += chance
        # Each outcome brings its own chance, so that the sum is the expectation.
        return sum(
            chance * math.log(whole[a, b, c] * given[c] / (one[a, c] * other[b, c]))
            for a, b, c, chance in parts
            if chance > 0
        )

    def over_steps(second: Callable[[int], Part], condition: Part) -> float:
        return sum(information(lambda x, z, y, i=i: y[i], second(i), condition) for i in range(steps))

    def nothing(x: object, z: object, y: object) -> Hashable:
        return None

    def latent(x: object, z: Hashable, y: object) -> Hashable:
        return z

    return {
        "latent_information": information(lambda x, z, y: y, latent, nothing),
        "from_prefix_and_latent": over_steps(lambda i: lambda x, z, y: (x[:i], z), nothing),
        "level": over_steps(lambda i: lambda x, z, y: x[:i], latent),
        "from_latent": over_steps(lambda i: latent, nothing),
        "among_outputs": over_steps(lambda i: lambda x, z, y: y[:i], nothing),
        "among_outputs_given_latent": over_steps(lambda i: lambda x, z, y: y[:i], latent),
    }


@pytest.mark.parametrize(("steps", "symbols", "latents", "outputs"), [(1, 3, 2, 2), (2, 2, 3, 3), (3, 2, 2, 2)])
def test_every_term_is_what_its_definition_gives(steps: int, symbols: int, latents: int, outputs: int) -> None:
    rng = np.random.default_rng(steps)
    joint = some_joint(rng, steps, symbols, latents)
    decoder = some_decoder(rng, joint, outputs)
    terms = teacher_forcing_terms(joint, decoder)
    for name, wanted in by_definition(joint, decoder).items():
        assert getattr(terms, name) == pytest.approx(wanted, abs=1e-12), name


@given(
    seed=st.integers(0, 2**32 - 1),
    steps=st.integers(1, 4),
    symbols=st.integers(1, 3),
    latents=st.integers(1, 4),
    outputs=st.integers(1, 3),
)
def test_the_equality_with_the_redundancy_among_outputs_is_exact(
    seed: int, steps: int, symbols: int, latents: int, outputs: int
) -> None:
    rng = np.random.default_rng(seed)
    joint = some_joint(rng, steps, symbols, latents)
    terms = teacher_forcing_terms(joint, some_decoder(rng, joint, outputs))
    assert terms.exact_residual == pytest.approx(0, abs=1e-12)
    assert terms.proof_residual == pytest.approx(-terms.redundancy, abs=1e-12)
    assert terms.from_prefix_and_latent - terms.level == pytest.approx(terms.from_latent, abs=1e-12)


def test_a_decoder_that_repeats_the_latent_shows_what_the_printed_proof_loses() -> None:
    """z is an even bit and every x̂_i = z: three outputs have the same ln 2, counted thrice by the printed sums."""
    joint = np.full((2, 2, 2, 2), 1 / 16)
    repeats = [np.broadcast_to(np.eye(2), (*(2,) * step, 2, 2)) for step in range(3)]
    terms = teacher_forcing_terms(joint, repeats)
    assert terms.latent_information == pytest.approx(LN2)
    assert terms.from_prefix_and_latent == pytest.approx(3 * LN2)
    assert (terms.level, terms.among_outputs_given_latent) == pytest.approx((0, 0), abs=1e-12)
    assert (terms.proof_residual, terms.statement_residual) == pytest.approx((-2 * LN2, -2 * LN2), abs=1e-12)


def test_outputs_that_tell_the_latent_only_together_err_the_other_way() -> None:
    """x̂_2 = x_1 and x̂_3 = x_1 ⊕ z of even bits: together they give z away, of which the printed proof sees nothing."""
    joint = np.full((2, 2, 2, 2), 1 / 16)
    decoder = copies(3, symbols=2, latents=2)
    for seen, z in product(range(2), repeat=2):
        decoder[2][seen, :, z] = np.eye(2)[seen ^ z]
    terms = teacher_forcing_terms(joint, decoder)
    assert terms.latent_information == pytest.approx(LN2)
    assert (terms.from_prefix_and_latent, terms.level) == pytest.approx((2 * LN2, 2 * LN2), abs=1e-12)
    assert terms.proof_residual == pytest.approx(LN2)


def test_for_one_step_both_printed_forms_hold() -> None:
    rng = np.random.default_rng(1)
    joint = some_joint(rng, 1, 3, 4)
    terms = teacher_forcing_terms(joint, some_decoder(rng, joint, 3))
    assert terms.latent_information > 0.01
    assert terms.latent_information == pytest.approx(terms.from_prefix_and_latent)
    assert (terms.proof_residual, terms.statement_residual) == pytest.approx((0, 0), abs=1e-12)


def test_without_a_prefix_nothing_is_forced() -> None:
    """Observation 2 of 3.2.3. Outputs are then independent given z, so that what is said twice is pure redundancy."""
    rng = np.random.default_rng(2)
    joint = some_joint(rng, 3, 2, 3)
    terms = teacher_forcing_terms(joint, without_prefix(rng, joint, 3))
    assert (terms.level, terms.among_outputs_given_latent) == pytest.approx((0, 0), abs=1e-12)
    assert terms.redundancy == pytest.approx(terms.among_outputs)
    assert terms.redundancy > 0.01


def test_a_decoder_that_ignores_a_latent_of_no_meaning_has_no_information_of_it() -> None:
    """The proof's last line then holds; the statement still takes the wrong sum."""
    rng = np.random.default_rng(3)
    joint = some_joint(rng, 3, 2, 1) * np.array([0.2, 0.3, 0.5])
    terms = teacher_forcing_terms(joint, without_latent(rng, joint, 2))
    assert terms.latent_information == pytest.approx(0, abs=1e-12)
    assert terms.level == pytest.approx(terms.from_prefix_and_latent)
    assert terms.level > 0.05
    assert terms.proof_residual == pytest.approx(0, abs=1e-12)
    assert terms.statement_residual < -0.05


def test_a_decoder_that_ignores_the_latent_still_passes_on_what_the_prefix_says_of_it() -> None:
    rng = np.random.default_rng(4)
    joint = some_joint(rng, 3, 2, 3)
    assert teacher_forcing_terms(joint, without_latent(rng, joint, 2)).latent_information > 0.01


@pytest.mark.parametrize("steps", [2, 3, 4])
def test_a_copying_decoder_has_all_but_the_latents_own_symbol_from_the_prefix(steps: int) -> None:
    """Of the steps − 1 symbols that are copied, z = x_1 tells the first."""
    terms = teacher_forcing_terms(uniform_with_first_as_latent(steps, symbols=3), copies(steps, symbols=3, latents=3))
    assert terms.latent_information == pytest.approx(math.log(3))
    assert terms.from_prefix_and_latent == pytest.approx((steps - 1) * math.log(3))
    assert terms.level == pytest.approx((steps - 2) * math.log(3), abs=1e-12)
    assert terms.proof_residual == pytest.approx(0, abs=1e-12)
    assert terms.statement_residual == pytest.approx(-(steps - 2) * math.log(3), abs=1e-12)


@given(seed=st.integers(0, 2**32 - 1), steps=st.integers(2, 4), outputs=st.integers(2, 3))
def test_the_more_prefixes_are_dropped_the_lower_is_the_level(seed: int, steps: int, outputs: int) -> None:
    rng = np.random.default_rng(seed)
    joint = some_joint(rng, steps, 2, 3)
    decoder = some_decoder(rng, joint, outputs)
    rates = np.linspace(0, 1, 6)
    levels = [teacher_forcing_terms(joint, drop_prefix(joint, decoder, float(rate))).level for rate in rates]
    assert (np.diff(levels) <= 1e-12).all()
    assert (np.array(levels) <= (1 - rates) * levels[0] + 1e-12).all()
    assert levels[0] == pytest.approx(teacher_forcing_terms(joint, decoder).level)
    assert levels[0] > levels[-1] == pytest.approx(0, abs=1e-12)


def test_what_one_output_says_of_the_latent_does_not_depend_on_dropped_prefixes() -> None:
    """What is dropped is replaced by its mean: p(x̂_i | z) stays, and with it the difference of the two sums."""
    rng = np.random.default_rng(5)
    joint = some_joint(rng, 3, 2, 3)
    decoder = some_decoder(rng, joint, 2)
    before, after = (teacher_forcing_terms(joint, drop_prefix(joint, decoder, rate)) for rate in (0.0, 0.7))
    assert after.from_latent == pytest.approx(before.from_latent)
    assert after.from_prefix_and_latent < before.from_prefix_and_latent


def test_values_that_never_occur_count_for_nothing() -> None:
    rng = np.random.default_rng(6)
    joint = some_joint(rng, 2, 2, 3)
    joint[..., 1] = 0
    joint /= joint.sum()
    decoder = some_decoder(rng, joint, 2)
    whole = teacher_forcing_terms(joint, drop_prefix(joint, decoder, 0.5))
    less = np.delete(joint, 1, axis=-1)
    without = teacher_forcing_terms(less, drop_prefix(less, [np.delete(table, 1, axis=-2) for table in decoder], 0.5))
    assert vars(whole) == pytest.approx(vars(without))
    assert isinstance(whole, TeacherForcingTerms)


def test_tables_that_do_not_fit_are_refused() -> None:
    rng = np.random.default_rng(7)
    joint = some_joint(rng, 2, 2, 3)
    first, second = some_decoder(rng, joint, 2)
    with pytest.raises(DataError, match=r"p\(x, z\) has 2, the decoder 1"):
        teacher_forcing_terms(joint, [first])
    with pytest.raises(DataError, match="add up to 1, not to 2"):
        teacher_forcing_terms(2 * joint, [first, second])
    with pytest.raises(DataError, match=r"step 2 begins with the axes \(2, 3\) of \(x_<i, z\), not \(3,\)"):
        teacher_forcing_terms(joint, [first, first])
    with pytest.raises(DataError, match="step 2 must add up to 1"):
        teacher_forcing_terms(joint, [first, second / 2])
    with pytest.raises(DataError, match=r"0 to 1, not 1\.5"):
        drop_prefix(joint, [first, second], 1.5)
