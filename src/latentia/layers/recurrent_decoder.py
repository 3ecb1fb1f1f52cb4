"""A gated recurrent unit that decodes: states of all steps, given the sequence as teacher forcing feeds it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear

from latentia.layers.gates import Gate
from latentia.layers.teacher_forcing import TeacherForcing

Predict = Callable[[Tensor], Tensor]
"""From states (batch, hidden) to the embedding (batch, features) of what they predict."""


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """States h_0 … h_T of a decoder that was fed T steps, and the gates of these steps."""

    states: Float[Tensor, "batch states hidden"]
    gate: Gate


class RecurrentDecoder(nn.Module):
    """h_0 = tanh(W z + b), h_i = GRU(δ_i, h_{i−1}); what comes after step i is predicted from h_i (thesis A, 3.4).

    Where no step waits for the one before it, all go through torch's fused GRU at once. Else steps are taken one by
    one, and everything that needs no state is computed for all of them beforehand: a gate that is one number goes
    through the product with the weights of the input, W·(keep·x) = keep·(W·x).
    """

    def __init__(self, *, features: int, hidden: int, latent: int, forcing: TeacherForcing) -> None:
        super().__init__()
        self.start = nn.Linear(latent, hidden)
        self.unit = nn.GRU(features, hidden, batch_first=True)
        self.forcing = forcing

    def first(self, latent: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch hidden"]:
        """Give h_0."""
        started: Tensor = self.start(latent).tanh()
        return started

    def forward(
        self,
        inputs: Float[Tensor, "batch steps features"],
        latent: Float[Tensor, "batch latent"],
        predict: Predict | None = None,
    ) -> Decoded:
        """Decode with teacher forcing. `predict` is needed where predictions are fed; no gradient goes through it."""
        state, gates = self.first(latent), self.forcing.gates
        prepared = gates.prepare(inputs, latent)
        if not inputs.shape[1]:
            return Decoded(states=state[:, None], gate=gates(prepared))
        if self.forcing.waits:
            return self._one_by_one(inputs, prepared, state, predict)
        if gates.state_weight is None:
            gate = gates(prepared)
            states, _ = self.unit(self.forcing.feed(gate, inputs), state[None])
            return Decoded(states=torch.cat([state[:, None], states], 1), gate=gate)
        # In evaluation a whole step is always kept: the states are known before the gates that look at them.
        after, _ = self.unit(inputs, state[None])
        states = torch.cat([state[:, None], after], 1)
        return Decoded(states=states, gate=gates(prepared, linear(states[:, :-1], gates.state_weight)))

    def advance(
        self,
        inputs: Float[Tensor, "batch features"],
        state: Float[Tensor, "batch hidden"],
        latent: Float[Tensor, "batch latent"],
    ) -> Float[Tensor, "batch hidden"]:
        """Take one step in free-running decoding, from what was predicted last."""
        gates = self.forcing.gates
        weight = gates.state_weight
        gate = gates(gates.prepare(inputs[:, None], latent)[:, 0], None if weight is None else linear(state, weight))
        of_input, of_state, input_bias, state_bias = self.unit.all_weights[0]
        fed = self.forcing.feed(gate, inputs)
        return _gru(linear(fed, of_input, input_bias), linear(state, of_state, state_bias), state)

    def _one_by_one(
        self,
        inputs: Float[Tensor, "batch steps features"],
        prepared: Float[Tensor, "batch steps prepared"],
        state: Float[Tensor, "batch hidden"],
        predict: Predict | None,
    ) -> Decoded:
        gates, rows = self.forcing.gates, 3 * self.unit.hidden_size
        of_input, of_state, input_bias, state_bias = self.unit.all_weights[0]
        weight: Tensor = of_state
        bias: Tensor = state_bias
        if gates.state_weight is not None:  # one product for the unit and the gates
            weight = torch.cat([weight, gates.state_weight])
            bias = torch.cat([bias, bias.new_zeros(len(gates.state_weight))])
        ahead = gates.width == 1 and not self.forcing.feeds_predictions
        of_inputs = (linear(inputs, of_input) if ahead else inputs).unbind(1)
        states, decisions = [state], []
        for one, ready in zip(of_inputs, prepared.unbind(1), strict=True):
            from_state = linear(state, weight, bias)
            gate = gates(ready, from_state[:, rows:] if gates.looks_at_state else None)
            if ahead:
                from_input = gate.keep * one + input_bias
            else:
                predicted = self._predicted(state, predict)
                from_input = linear(self.forcing.feed(gate, one, predicted), of_input, input_bias)
            state = _gru(from_input, from_state[:, :rows], state)
            states.append(state)
            decisions.append(gate)
        return Decoded(states=torch.stack(states, 1), gate=_stacked(decisions))

    def _predicted(self, state: Float[Tensor, "batch hidden"], predict: Predict | None) -> Tensor | None:
        if not (self.forcing.feeds_predictions and self.forcing.gates.training):
            return None  # in evaluation nothing is replaced
        assert predict is not None, "a decoder that is fed its predictions must be told how to make them"
        with torch.no_grad():
            return predict(state)


def _gru(
    from_input: Float[Tensor, "batch three_hidden"],
    from_state: Float[Tensor, "batch three_hidden"],
    state: Float[Tensor, "batch hidden"],
) -> Float[Tensor, "batch hidden"]:
    """One step of torch's GRU, from the products with its weights."""
    reset_in, update_in, new_in = from_input.chunk(3, -1)
    reset_state, update_state, new_state = from_state.chunk(3, -1)
    reset, update = (reset_in + reset_state).sigmoid(), (update_in + update_state).sigmoid()
    return torch.lerp((new_in + reset * new_state).tanh(), state, update)


def _stacked(decisions: list[Gate]) -> Gate:
    return Gate(
        keep=torch.stack([one.keep for one in decisions], 1),
        drop=torch.stack([one.drop for one in decisions], 1),
        divergence=torch.stack([one.divergence for one in decisions], 1),
    )
