"""The ladder VAE of thesis A, 4.2: IAF-VAE+ with convolutions on the way down, SDN-VAE with spatial dependency layers.

One model, two configurations. Images go up a ladder of convolutional blocks; from the top down, every block draws its
latent variables from a posterior that hears both directions, or from a prior that hears those above.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from latentia.distributions import ImageDistribution
from latentia.errors import SettingError
from latentia.images import ImageFormat, to_unit_range
from latentia.layers.ladder import DownBlock, Drawn, RungChannels, UpBlock
from latentia.layers.residual import convolution, initialise_convolutions
from latentia.layers.spatial_dependency import ALL_DIRECTIONS, AlternatingDirections, ResidualSpatialDependency
from latentia.models.base import Generation, Inference, LatentVariableModel
from latentia.models.observations import ObservationName, choose_observation

CONVOLUTION_FIRST = 2.0
"""Where the gate of a residual spatial dependency layer starts: σ(2) = 0.88 of its convolution."""


@runtime_checkable
class TopDownLayers(Protocol):
    """Makes the layers of the way down, in the order in which they are applied.

    `scale` is where a layer's output lies, 0 for the coarsest; the last layer of a model is made with `last`.
    """

    def __call__(
        self, in_channels: int, out_channels: int, *, scale: int, upsample: bool = False, last: bool = False
    ) -> nn.Module:
        """Make the next layer."""


def convolutions(
    in_channels: int, out_channels: int, *, scale: int, upsample: bool = False, last: bool = False
) -> nn.Module:
    """Make the layers of IAF-VAE+: convolutions at every scale."""
    return convolution(in_channels, out_channels, upsample=upsample)


@dataclass(frozen=True, kw_only=True)
class SpatialDependencyConfig:
    """Where the way down has spatial dependency layers instead of convolutions (Table A.1)."""

    features: tuple[int, ...]
    """SDN channels per scale, the coarsest scale first; 0 keeps the convolution."""
    directions: int = 2
    """Directions per layer; successive layers take the next ones in turn, the last layer takes all four."""

    def __post_init__(self) -> None:
        AlternatingDirections().take(self.directions)  # which checks their number
        if any(number < 0 for number in self.features):
            raise SettingError(f"SDN features are 0 or more at each scale, not {list(self.features)}.")


class SpatialDependencies:
    """Makes the layers of SDN-VAE: residual spatial dependency layers, whose directions alternate."""

    def __init__(self, config: SpatialDependencyConfig) -> None:
        self._config = config
        self._directions = AlternatingDirections()

    def __call__(
        self, in_channels: int, out_channels: int, *, scale: int, upsample: bool = False, last: bool = False
    ) -> nn.Module:
        """Make the next layer; a convolution where the scale has no SDN features."""
        features = self._config.features[scale]
        if not features:
            return convolution(in_channels, out_channels, upsample=upsample)
        directions = self._directions.take(len(ALL_DIRECTIONS) if last else self._config.directions)
        return ResidualSpatialDependency(
            in_channels,
            out_channels,
            features=features,
            directions=directions,
            kernel_size=4 if upsample else 3,
            upsample=upsample,
        )


@dataclass(frozen=True, kw_only=True)
class LadderVAEConfig:
    """Size of a ladder VAE. The defaults are those of Table A.1 for CIFAR-10, without SDN: IAF-VAE+."""

    layers: tuple[int, ...] = (5, 5, 5)
    """Stochastic layers per scale, the coarsest scale first; each scale has twice the size of the one before, and the
    last one is the images' own. Only that one may be 0: then the first convolution already halves the size."""
    channels: int = 200
    """Deterministic channels per layer."""
    latent_channels: int = 4
    flow_channels: int = 100
    """Context and filters of the inverse autoregressive flow; 0 leaves the posterior Gaussian."""
    sdn: SpatialDependencyConfig | None = None
    observation: ObservationName = "logistic_mixture"
    components: int = 5
    """Components of the mixture of logistics."""
    recompute: bool = False
    """Whether to compute each block again in the backward pass instead of keeping its activations."""

    def __post_init__(self) -> None:
        if not self.layers or min(self.layers) < 0 or 0 in self.layers[:-1] or not sum(self.layers):
            raise SettingError(
                f"A ladder has 1 or more layers at each scale, or 0 at the finest alone; layers is {list(self.layers)}."
            )
        for name, least in {"channels": 1, "latent_channels": 1, "flow_channels": 0, "components": 1}.items():
            if getattr(self, name) < least:
                raise SettingError(f"{name} must be {least} or more; it is {getattr(self, name)}.")
        if self.sdn is not None and len(self.sdn.features) != len(self.layers):
            raise SettingError(
                f"SDN features are wanted for each of the {len(self.layers)} scales; there are "
                f"{len(self.sdn.features)}: {list(self.sdn.features)}."
            )

    def build(self, image_format: ImageFormat) -> LadderVAE:
        """Make the model for images of a format, with fresh weights drawn from torch's random state."""
        return LadderVAE(self, image_format)


@dataclass(frozen=True, kw_only=True)
class _Rung:
    """Where a rung stands: its scale (0 is the coarsest), and whether the way up halves the size on entering it."""

    scale: int
    halves: bool


def _rungs(layers: Sequence[int]) -> Iterator[_Rung]:
    """Yield the rungs from the bottom, the finest scale, up."""
    finest = len(layers) - 1
    # Without a layer of its own, the finest scale is left by the first convolution, before any rung.
    entered = finest if layers[finest] else finest - 1
    for scale in range(entered, -1, -1):
        for place in range(layers[scale]):
            yield _Rung(scale=scale, halves=place == 0 and scale < entered)


class LadderVAE(LatentVariableModel):
    """A hierarchical VAE with bidirectional inference.

    The prior is p(z_L) Π p(z_i | z_{>i}), the posterior q(z_L | x) Π q(z_i | z_{>i}, x) (thesis A, eqs. 4.3 and 4.4):
    `blocks[0]` draws z_L. Images of any size: where the strides do not divide it, edges are repeated on the way in and
    cropped on the way out. `top_down` replaces the layers of the way down that `config.sdn` would choose.

    Equation: A 4.3
    Equation: A 4.4
    """

    def __init__(
        self, config: LadderVAEConfig, image_format: ImageFormat, *, top_down: TopDownLayers | None = None
    ) -> None:
        super().__init__()
        self.config = config
        self.image_format = image_format
        self.observation = choose_observation(config.observation, image_format, config.components)
        if top_down is None:
            top_down = convolutions if config.sdn is None else SpatialDependencies(config.sdn)
        self._rungs = list(_rungs(config.layers))
        rung = RungChannels(deterministic=config.channels, latent=config.latent_channels, context=config.flow_channels)
        halved = config.layers[-1] == 0
        self.input = convolution(image_format.channels, config.channels, stride=2 if halved else 1)
        self.ups = nn.ModuleList(
            UpBlock(rung, stride=2 if one.halves else 1, topmost=one is self._rungs[-1]) for one in self._rungs
        )
        self.top = nn.Parameter(torch.zeros(config.channels, 1, 1))
        self.blocks = nn.ModuleList(
            DownBlock(
                rung,
                first=partial(top_down, scale=one.scale),
                second=partial(top_down, scale=one.scale + one.halves, upsample=one.halves),
            )
            for one in reversed(self._rungs)
        )
        finest = len(config.layers) - 1
        self.output = top_down(config.channels, self.observation.channels, scale=finest, upsample=halved, last=True)
        initialise_convolutions(self)
        _favour_convolutions(self)

    @property
    def latent_shapes(self) -> tuple[tuple[int, ...], ...]:
        """(latent_channels, height, width) of each layer, top first."""
        height, width = self._padded
        finest = len(self.config.layers) - 1
        return tuple(
            (self.config.latent_channels, height >> (finest - one.scale), width >> (finest - one.scale))
            for one in reversed(self._rungs)
        )

    def infer(self, images: Integer[Tensor, "batch channels height width"]) -> Inference:
        """Draw the latent variables from the posterior, q(z | x). Errors: DataError for images of another format."""
        self.check(images)
        scaled = to_unit_range(images, self.image_format.levels).to(self.top.dtype)
        state = self.input(self._pad(scaled))
        evidence = []
        for up in self.ups:
            upward = self._run(up, state)
            state = upward.output
            evidence.append(upward.evidence)
        drawn: list[Drawn] = []
        state = self._start(len(images))
        for block, seen in zip(self.blocks, reversed(evidence), strict=True):
            drawn.append(self._run(block, state, seen))
            state = drawn[-1].output
        return Inference(
            latents=tuple(one.latent for one in drawn),
            log_posterior=_layers(one.log_posterior for one in drawn),
            log_prior=_layers(one.log_prior for one in drawn),
            divergence=_layers(one.divergence for one in drawn),
            likelihood=self._likelihood(state),
        )

    def generate(self, count: int, given: Sequence[Tensor] = (), temperature: float = 1.0) -> Generation:
        """Draw the layers that are not given from the prior, each at `temperature` times its standard deviation.

        Errors: SettingError where more layers are given than there are, or other shapes than (count, *latent_shapes).
        """
        self.check_given(count, given)
        latents: list[Tensor] = []
        state = self._start(count)
        for place, block in enumerate(self.blocks):
            fixed = given[place] if place < len(given) else None
            assert isinstance(block, DownBlock)
            drawn = block.generate(state, given=fixed, temperature=temperature)
            latents.append(drawn.latent)
            state = drawn.output
        return Generation(latents=tuple(latents), likelihood=self._likelihood(state))

    @property
    def _padded(self) -> tuple[int, int]:
        """Height and width after padding: multiples of what the way up divides them by."""
        divisor = 1 << (len(self.config.layers) - 1)
        height, width = self.image_format.shape[1:]
        return (height + -height % divisor, width + -width % divisor)

    def _pad(
        self, images: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels rows columns"]:
        rows, columns = (wanted - size for wanted, size in zip(self._padded, self.image_format.shape[1:], strict=True))
        if not rows and not columns:
            return images
        sides = (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2)
        return functional.pad(images, sides, mode="replicate")

    def _start(self, count: int) -> Float[Tensor, "batch channels rows columns"]:
        return self.top.expand(count, -1, *self.latent_shapes[0][1:])

    def _likelihood(self, state: Float[Tensor, "batch channels rows columns"]) -> ImageDistribution:
        parameters = self.output(functional.elu(state))
        height, width = self.image_format.shape[1:]
        top, left = ((whole - size) // 2 for whole, size in zip(self._padded, (height, width), strict=True))
        return self.observation(parameters[..., top : top + height, left : left + width])

    def _run(self, block: nn.Module, *inputs: Tensor) -> Any:
        if self.config.recompute and torch.is_grad_enabled():
            return checkpoint(block, *inputs, use_reentrant=False)
        return block(*inputs)


def _favour_convolutions(model: nn.Module) -> None:
    """Let residual spatial dependency layers begin as mostly their convolution.

    A highway's gate begins on the side that carries on (Srivastava et al. 2015, which the thesis cites without saying
    how it starts). From an even gate the first thousand steps learn slower (docs/models/ladder-vae.md).
    """
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, ResidualSpatialDependency):
                assert layer.sdn.project_out.bias is not None
                layer.sdn.project_out.bias.chunk(2)[1].fill_(CONVOLUTION_FIRST)


def _layers(values: Iterator[Tensor | None]) -> Float[Tensor, "batch layers"]:
    return torch.stack([value for value in values if value is not None], 1)
