"""The Gaussian multitask VAE of the library with networks for a few dozen snapshots: fully connected, between modes.

Its convolutions take many times as long for these fields, most of it to learn what the mean and the modes of the
snapshots say at once. Here the encoder sees a field as its coefficients of the modes of the training snapshots,
decoders give such coefficients, and known values, m = [values·mask, mask] of thesis B 3.1, enter as the coefficients
that POD makes of them. No convolution is left; all else, terms and imputation, is the library's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from experiments.flow_from_sensors.baselines import Modes, proper_orthogonal_modes
from latentia.data import FieldSet
from latentia.layers.condition import ConditionalDecoder, FlatMerge
from latentia.models.base import Decoders
from latentia.models.multitask_gaussian_vae import MultitaskGaussianVAE, MultitaskGaussianVAEConfig

SEEN = 32
"""Modes whose coefficients a decoder that knows sensors is told."""


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """Size of the model; the defaults are what the validation snapshots of the split by phase chose."""

    latent_size: int = 3
    hidden: int = 64
    """Units of each of two layers, in the encoder and in each decoder."""
    modes: int = 40
    decoders: Decoders = "multi"

    def build(self, train: FieldSet) -> MultitaskGaussianVAE:
        """Make the model for fields like these, with fresh weights drawn from torch's random state."""
        modes = proper_orthogonal_modes(train.values.astype("float64"), min(self.modes, len(train) - 1))
        # Convolutions of one channel, which are replaced below.
        small = MultitaskGaussianVAEConfig(latent_size=self.latent_size, widths=(1,), decoders=self.decoders)
        model = small.build(train.format)
        model.encoder = nn.Sequential(
            _ToCoefficients(modes), *self._hidden(len(modes)), nn.Linear(self.hidden, 2 * self.latent_size)
        )
        if model.decoder is not None:
            model.decoder = self._decoder(modes, conditioned=False)
        if model.conditioned_decoder is not None:
            model.conditioned_decoder = self._decoder(modes, conditioned=True)
        return model

    def _hidden(self, inputs: int) -> list[nn.Module]:
        return [nn.Linear(inputs, self.hidden), nn.SiLU(), nn.Linear(self.hidden, self.hidden), nn.SiLU()]

    def _decoder(self, modes: Modes, *, conditioned: bool) -> ConditionalDecoder:
        seen = modes.first(min(SEEN, len(modes)))
        known = (len(_Seen.RIDGES) * len(seen), 1, 1) if conditioned else None
        enter: nn.Module = FlatMerge((self.latent_size,), known, (self.hidden, 1, 1), nn.SiLU())
        if conditioned:
            enter = _Seen(enter, seen)
        body = nn.Sequential(
            nn.Flatten(),
            nn.Linear(self.hidden, self.hidden),
            nn.SiLU(),
            nn.Linear(self.hidden, len(modes)),
            _ToFields(modes),
        )
        return ConditionalDecoder(enter, body)


def decode_at(
    model: MultitaskGaussianVAE, latent: Float[Tensor, "batch latent"], mask: Bool[Tensor, "height width"]
) -> Float[Tensor, "batch values"]:
    """Give what the decoder that knows z alone says at the places of a mask; the rest of the field is not computed."""
    assert model.decoder is not None
    *layers, to_fields = model.decoder.body
    assert isinstance(to_fields, _ToFields)
    return to_fields.at(nn.Sequential(*layers)(model.decoder.enter(latent)), mask)


class _Basis(nn.Module):
    """A mean field and modes, in units of each mode's usual coefficient; not trained."""

    mean: Tensor
    modes: Tensor

    def __init__(self, modes: Modes) -> None:
        super().__init__()
        self.register_buffer("mean", torch.from_numpy(modes.mean).float())
        self.register_buffer("modes", torch.from_numpy(modes.modes).float().flatten(1))
        self.register_buffer("sizes", torch.from_numpy(modes.energies).sqrt().float())


class _ToCoefficients(_Basis):
    def forward(self, values: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch modes"]:
        """Project deviations from the mean; the most energetic coefficient is about 1."""
        return (values - self.mean).flatten(1) @ self.modes.T / self.sizes[0]


class _ToFields(_Basis):
    def forward(self, coefficients: Float[Tensor, "batch modes"]) -> Float[Tensor, "batch channels height width"]:
        """Sum up mean and modes."""
        return self.mean + (coefficients * self.sizes[0] @ self.modes).unflatten(1, self.mean.shape)

    def at(self, coefficients: Float[Tensor, "batch modes"], mask: Tensor) -> Float[Tensor, "batch values"]:
        """Sum them up at the places of a mask, (height, width), alone."""
        modes = self.modes.unflatten(1, self.mean.shape)[:, :, mask].flatten(1)
        return self.mean[:, mask].flatten() + coefficients * self.sizes[0] @ modes


class _Seen(_Basis):
    """Make of m = [values·mask, mask] what POD makes of it, and hand that on with z.

    It is the coefficients of the first modes by least squares, each with a weak and a strong ridge, as in
    `baselines.reconstruct_from_sensors`; 0 where nothing is known. Source: Everson & Sirovich 1995.
    """

    RIDGES = (3e-4, 1e-1)
    """In the units of the squared values."""

    def __init__(self, enter: nn.Module, modes: Modes) -> None:
        super().__init__(modes)
        self.enter = enter

    def forward(
        self, latent: Float[Tensor, " batch *latent"], condition: Float[Tensor, "batch conditions height width"]
    ) -> Float[Tensor, "batch features height width"]:
        """Give the map of latent variables and coefficients."""
        mask = condition[:, -1].flatten(1)
        # The known places of each field come first; fields that know fewer have unknown ones after them, of weight 0.
        there, places = mask.topk(max(1, int(mask.sum(1).max())), dim=1)
        deviations = (
            (condition[:, :-1] - self.mean).flatten(2).gather(2, places[:, None].expand(-1, len(self.mean), -1))
        )
        # In units of each mode's usual coefficient, so that a ridge weighs all alike.
        modes = (self.modes * self.sizes[:, None]).unflatten(1, (len(self.mean), -1))[:, :, places]
        weighed = modes * there
        wanted = torch.einsum("kcbn,bcn->bk", weighed, deviations)
        overlap = torch.einsum("kcbn,lcbn->bkl", weighed, modes)
        unit = torch.eye(len(modes), device=condition.device)
        found = [torch.linalg.solve(overlap + ridge * unit, wanted) for ridge in self.RIDGES]
        entered: Tensor = self.enter(latent, torch.cat(found, 1)[:, :, None, None])
        return entered
