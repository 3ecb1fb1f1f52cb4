"""What teacher forcing does to the information in the latent variables, exactly, for small discrete models.

Thesis A, 3.2.2 and 3.2.3. Sequences X of T symbols and a latent variable Z have the joint distribution p(x, z), the
data's p(x) times the encoder's q(z | x). The decoder reads observations and writes X̂, with p_d(x̂_i | x_<i, z). All is
enumerated in float64, so that sizes are limited by K^T; information is in nats.

Proposition 1 does not hold as it is printed. By the chain rule, and because X̂_i is independent of X̂_<i given (X_<i, Z):

    I(X̂; Z) = Σ I(X̂_i; X_<i, Z) − Σ I(X̂_i; X_<i | Z) − Σ [I(X̂_i; X̂_<i) − I(X̂_i; X̂_<i | Z)]

The proof loses the last sum, the redundancy among outputs, and the statement has X̂_<i for X_<i in the second.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from latentia.errors import DataError

Table = NDArray[np.float64]
TOLERANCE = 1e-9
"""How far probabilities may be from adding up to 1."""


@dataclass(frozen=True, kw_only=True)
class TeacherForcingTerms:
    """The terms of Proposition 1 (thesis A, 3.2.3) and how far its printed forms are off, in nats.

    Latent information is no proof that the decoder reads Z: one that reads X_<i alone passes on what these say of Z.
    """

    latent_information: float
    """I(X̂; Z), the latent information content of Definition 1."""
    from_prefix_and_latent: float
    """Σ_i I(X̂_i; X_<i, Z): all that the outputs have from the decoder's inputs."""
    level: float
    """Σ_i I(X̂_i; X_<i | Z), the level of teacher forcing, as in the proposition's proof and takeaway."""
    from_latent: float
    """Σ_i I(X̂_i; Z), by which the two sums before differ."""
    among_outputs: float
    """Σ_i I(X̂_i; X̂_<i)."""
    among_outputs_given_latent: float
    """Σ_i I(X̂_i; X̂_<i | Z), which the proposition's statement calls the level of teacher forcing."""

    @property
    def redundancy(self) -> float:
        """Σ_i [I(X̂_i; X̂_<i) − I(X̂_i; X̂_<i | Z)]: what outputs say of Z repeatedly; negative for synergy."""
        return self.among_outputs - self.among_outputs_given_latent

    @property
    def exact_residual(self) -> float:
        """I(X̂; Z) less the right side of the equality above: 0 but for rounding."""
        return self.proof_residual + self.redundancy

    @property
    def proof_residual(self) -> float:
        """I(X̂; Z) less the last line of the printed proof: minus the redundancy."""
        return self.latent_information - (self.from_prefix_and_latent - self.level)

    @property
    def statement_residual(self) -> float:
        """I(X̂; Z) less the right side of the printed statement."""
        return self.latent_information - (self.from_prefix_and_latent - self.among_outputs_given_latent)


def teacher_forcing_terms(
    joint: Float[np.ndarray, "*sequence latent"], decoder: Sequence[Float[np.ndarray, ...]]
) -> TeacherForcingTerms:
    """Enumerate the setting of Definition 1.

    `joint` is p(x, z), an axis for each of T steps and the last for z: (2, 2, 2, 5) for three bits and five values of
    z. `decoder` has one table for each step, p_d(x̂_i | x_<i, z): here (5, 2), (2, 5, 2) and (2, 2, 5, 2), whose last
    axis is x̂_i and may be of any size. Errors: DataError where the tables do not fit or are not probabilities.
    """
    _check(joint, decoder)
    steps = len(decoder)
    prefixes = [_marginal(joint, (*range(step), -1)) for step in range(steps)]
    inputs = [prefix[..., None] * table for prefix, table in zip(prefixes, decoder, strict=True)]
    outputs = _outputs(prefixes[-1], decoder)
    so_far = [_marginal(outputs, (0, *range(1, step + 2))) for step in range(steps)]
    return TeacherForcingTerms(
        latent_information=_information(outputs, range(1, steps + 1), [0]),
        # Axes of each table of `inputs`: x_<i, z, x̂_i; of `so_far`: z, x̂_<i, x̂_i.
        from_prefix_and_latent=sum(
            _information(table, [step + 1], range(step + 1)) for step, table in enumerate(inputs)
        ),
        level=sum(_information(table, [step + 1], range(step), [step]) for step, table in enumerate(inputs)),
        from_latent=sum(_information(table, [step + 1], [step]) for step, table in enumerate(inputs)),
        among_outputs=sum(_information(table, [step + 1], range(1, step + 1)) for step, table in enumerate(so_far)),
        among_outputs_given_latent=sum(
            _information(table, [step + 1], range(1, step + 1), [0]) for step, table in enumerate(so_far)
        ),
    )


def drop_prefix(
    joint: Float[np.ndarray, "*sequence latent"], decoder: Sequence[Float[np.ndarray, ...]], rate: float
) -> list[Table]:
    """Make a decoder that with probability `rate` does not see the prefix, and then takes its mean over p(x_<i | z).

    The level of teacher forcing falls with the rate, at least as fast as 1 − rate: it is convex in the decoder, and 0
    at rate 1. Where single words are dropped, and the decoder told so, that need not hold: it may make more of what is
    left. Errors: DataError as above, and where the rate is not 0 to 1.
    """
    _check(joint, decoder)
    if not 0 <= rate <= 1:
        raise DataError(f"The rate at which prefixes are dropped is 0 to 1, not {rate}.")
    dropped = []
    for step, table in enumerate(decoder):
        prefix = _marginal(joint, (*range(step), -1))
        total = prefix.reshape(-1, prefix.shape[-1]).sum(0)
        # A z that never occurs has no mean; any distribution does there.
        weights = np.where(total > 0, prefix / np.where(total > 0, total, 1), 1 / prefix[..., 0].size)
        mean = (weights[..., None] * table).sum(tuple(range(step)))
        dropped.append((1 - rate) * table + rate * mean)
    return dropped


def _outputs(prefix: Table, decoder: Sequence[Table]) -> Table:
    """p(z, x̂): the last symbol is never fed to the decoder, so that `prefix` is p(x_<T, z)."""
    steps = len(decoder)
    seen, written = string.ascii_lowercase[: steps - 1], string.ascii_uppercase[:steps]
    tables = ",".join(f"{seen[:step]}z{written[step]}" for step in range(steps))
    result: Table = np.einsum(f"{seen}z,{tables}->z{written}", prefix, *decoder, optimize=True)
    return result


def _information(table: Table, first: Sequence[int], second: Sequence[int], given: Sequence[int] = ()) -> float:
    """I(first; second | given) of axes of a joint distribution, in nats; rounding never makes it negative."""
    both = _entropy(table, [*first, *given]) + _entropy(table, [*second, *given])
    return max(0.0, both - _entropy(table, [*first, *second, *given]) - _entropy(table, given))


def _entropy(table: Table, axes: Sequence[int]) -> float:
    chances = _marginal(table, axes)
    positive = chances[chances > 0]
    return float(-(positive * np.log(positive)).sum())


def _marginal(table: Table, axes: Sequence[int]) -> Table:
    """Sum over all other axes; the order of axes stays."""
    kept = {axis % table.ndim for axis in axes}
    return np.asarray(table.sum(tuple(set(range(table.ndim)) - kept), dtype=np.float64))


def _check(joint: Table, decoder: Sequence[Table]) -> None:
    steps = joint.ndim - 1
    if not 1 <= steps <= 25 or len(decoder) != steps:
        raise DataError(
            "One table of the decoder is wanted for each of 1 to 25 steps; "
            f"p(x, z) has {steps}, the decoder {len(decoder)}."
        )
    if not (joint >= 0).all() or abs(joint.sum() - 1) > TOLERANCE:
        raise DataError(f"p(x, z) must be probabilities that add up to 1, not to {joint.sum():.6g}.")
    for step, table in enumerate(decoder):
        wanted = (*joint.shape[:step], joint.shape[-1])
        if table.shape[:-1] != wanted:
            raise DataError(
                f"The decoder's table of step {step + 1} begins with the axes {wanted} of (x_<i, z), "
                f"not {table.shape[:-1]}."
            )
        if not (table >= 0).all() or (abs(table.sum(-1) - 1) > TOLERANCE).any():
            raise DataError(f"The decoder's table of step {step + 1} must add up to 1 over its last axis.")
