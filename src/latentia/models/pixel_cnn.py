"""PixelCNN over maps of codes: the learned prior of a VQ-VAE, with exact probabilities and samples place by place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from latentia.distributions.pixels import at_least_float32, draw_index
from latentia.errors import SettingError
from latentia.evaluation_mode import evaluation_mode
from latentia.layers.gated_stack import GatedStack
from latentia.layers.masked_stack import MaskedStack
from latentia.layers.raster_steps import RasterSteps
from latentia.layers.shrinking import ShrinkingNetwork
from latentia.models.base import AutoregressivePrior

Kind = Literal["gated", "masked"]
STACKS: dict[Kind, type[GatedStack | MaskedStack]] = {"gated": GatedStack, "masked": MaskedStack}

Codes = Int64[Tensor, "batch height width"]
Labels = Int64[Tensor, " batch"]
Condition = Float[Tensor, "batch condition_channels rows columns"]


@dataclass(frozen=True, kw_only=True)
class PixelCNNConfig:
    """Size of a PixelCNN, and what it is given besides the codes."""

    kind: Kind = "gated"
    """"masked" is the original, which does not see all that comes before a place."""
    layers: int = 8
    """Layers that look at neighbours. With 15, as in the original, a place sees 17 rows and columns back, with 8 it
    sees 10: more than a map of 7×7 or 8×8 codes has, at little more than half the cost."""
    channels: int = 64
    kernel_size: int = 3
    first_kernel_size: int = 7
    dropout: float = 0.0
    """Probability of leaving out a feature in training: a prior that is too large learns its maps by heart."""
    classes: int = 0
    """More than 0: a prior for each class of image."""
    conditioned: bool = False
    """A prior given a map of the image's size, such as its known pixels and which these are."""

    def __post_init__(self) -> None:
        for name, least in (("layers", 1), ("channels", 1), ("classes", 0)):
            if getattr(self, name) < least:
                raise SettingError(f"{name} must be {least} or more; it is {getattr(self, name)}.")
        for name in ("kernel_size", "first_kernel_size"):
            size = getattr(self, name)
            if size < 3 or size % 2 == 0:
                raise SettingError(f"{name} must be odd and 3 or more; it is {size}.")
        if not 0 <= self.dropout < 1:
            raise SettingError(f"dropout must be at least 0 and below 1; it is {self.dropout}.")

    def build(self, *, codes: int, height: int, width: int, condition_channels: int = 0) -> PixelCNN:
        """Make the model for maps of `codes` codes, with fresh weights drawn from torch's random state.

        `condition_channels` are those of the map that a conditioned prior is given; others do without.
        """
        return PixelCNN(self, codes=codes, height=height, width=width, condition_channels=condition_channels)


class PixelCNN(AutoregressivePrior):
    """Codes enter by an embedding, go through a stack of layers that look back, and leave as logits of each place.

    A class enters by an embedding and a condition by a convolutional network, both as a context that every layer adds;
    the context may depend on all of the condition. The head is ReLU – 1×1 – ReLU – 1×1.

    Sources: thesis B, 2.2.2 and 2.5.1; van den Oord et al. 2016, "Pixel Recurrent Neural Networks" (masked) and
    "Conditional Image Generation with PixelCNN Decoders" (gated, classes, conditions).
    Errors: SettingError where a size is below 1, or a conditioned prior has no channels to look at.
    """

    def __init__(
        self, config: PixelCNNConfig, *, codes: int, height: int, width: int, condition_channels: int = 0
    ) -> None:
        super().__init__()
        for name, size in (("codes", codes), ("height", height), ("width", width)):
            if size < 1:
                raise SettingError(f"{name} must be 1 or more; it is {size}.")
        if config.conditioned and condition_channels < 1:
            raise SettingError(f"condition_channels must be 1 or more; it is {condition_channels}.")
        self.config, self.codes, self.height, self.width = config, codes, height, width
        self.classes, self.conditioned = config.classes, config.conditioned
        self.condition_channels = condition_channels if config.conditioned else 0
        channels = config.channels
        self.embed = nn.Embedding(codes, channels)
        self.embed_label = nn.Embedding(config.classes, channels) if config.classes else None
        self.shrink = (
            ShrinkingNetwork(condition_channels, channels, height=height, width=width) if config.conditioned else None
        )
        self.stack = STACKS[config.kind](
            channels,
            [config.first_kernel_size] + [config.kernel_size] * (config.layers - 1),
            context=bool(config.classes) or config.conditioned,
            dropout=config.dropout,
        )
        self.hidden = nn.Linear(self.stack.features, channels)
        self.head = nn.Linear(channels, codes)

    def forward(
        self, codes: Codes, labels: Labels | None = None, condition: Condition | None = None
    ) -> Float[Tensor, "batch codes height width"]:
        """Give the logits of every place, from the codes before it alone, in at least float32.

        Errors: SettingError where codes are not of the model's size or number, or labels or a condition are missing,
        superfluous or do not fit.
        """
        self._check_codes(codes)
        context = self._context(len(codes), labels, condition)
        features = self.stack(self.embed(codes).movedim(-1, 1), context)
        return self._logits(features.movedim(1, -1)).movedim(-1, 1)

    def log_prob(
        self, codes: Codes, labels: Labels | None = None, condition: Condition | None = None
    ) -> Float[Tensor, " batch"]:
        """Logarithm of the probability of whole maps, in nats and exact. Errors: as for `forward`."""
        logits: Tensor = self(codes, labels, condition).movedim(1, -1)
        return logits.log_softmax(-1).gather(-1, codes[..., None]).flatten(1).sum(1)

    def sample(
        self,
        count: int,
        *,
        labels: Labels | None = None,
        condition: Condition | None = None,
        temperature: float = 1.0,
        cached: bool = True,
    ) -> Int64[Tensor, "batch height width"]:
        """Draw maps, from torch's random state and without dropout.

        The temperature divides the logits; 0 takes the most probable code. `cached` computes at each place only what
        is new there; without it, the whole map is computed for every place, which draws the same much more slowly.
        Errors: SettingError for no maps or a temperature below 0, and as for `forward`.
        """
        if count < 1:
            raise SettingError(f"At least one map is drawn, not {count}.")
        if not temperature >= 0:
            raise SettingError(f"A temperature is a number from 0 up, not {temperature}.")
        self._check_given(count, labels, condition)
        predict = self.predict if cached else self._predict_from_whole_maps
        with evaluation_mode(self) as device:
            codes = torch.zeros(count, self.height, self.width, dtype=torch.int64, device=device)
            for place, logits in enumerate(predict(codes, labels, condition)):
                drawn = draw_index(logits / temperature, 1) if temperature else logits.argmax(1)
                codes[:, place // self.width, place % self.width] = drawn  # and the next prediction knows it
        return codes.clone()  # a tensor that may take part in training, as one made in evaluation mode may not

    def predict(
        self, codes: Codes, labels: Labels | None = None, condition: Condition | None = None
    ) -> Iterator[Float[Tensor, "batch codes"]]:
        """Yield the logits of one place after the other, in raster order, at the cost of one `forward` in all.

        `codes` are read as the places go by: those of a place must be there when the next one's logits are asked for.
        They are `forward`'s logits in evaluation mode, but for rounding. Errors: as for `forward`, at the first place.
        """
        self._check_codes(codes)
        context = self._context(len(codes), labels, condition)
        if context is not None:
            context = context.expand(-1, -1, self.height, self.width).movedim(1, -1).contiguous()
        steps: RasterSteps = self.stack.steps(batch=len(codes), width=self.width)
        above = self.embed.weight.new_zeros(len(codes), self.width, self.config.channels)
        for row in range(self.height):
            steps.begin_row(above, None if context is None else context[:, row])
            left = torch.zeros_like(above[:, 0])
            for column in range(self.width):
                yield self._logits(steps.place(column, left))
                left = self.embed(codes[:, row, column])
            above = self.embed(codes[:, row])

    def _predict_from_whole_maps(
        self, codes: Codes, labels: Labels | None, condition: Condition | None
    ) -> Iterator[Float[Tensor, "batch codes"]]:
        for row in range(self.height):
            for column in range(self.width):
                yield self(codes, labels, condition)[:, :, row, column]

    def _logits(self, features: Float[Tensor, "*places features"]) -> Float[Tensor, "*places codes"]:
        hidden = self.hidden(features.relu()).relu()
        with torch.autocast(hidden.device.type, enabled=False):
            return at_least_float32(self.head(hidden.to(self.head.weight.dtype)))

    def _context(
        self, count: int, labels: Labels | None, condition: Condition | None
    ) -> Float[Tensor, "batch channels _ _"] | None:
        """What all layers add: (batch, channels, height, width), or 1×1 where a class is all that is given."""
        self._check_given(count, labels, condition)
        parts = []
        if self.embed_label is not None:
            parts.append(self.embed_label(labels)[:, :, None, None])
        if self.shrink is not None and condition is not None:
            parts.append(self.shrink(condition.to(self.embed.weight.dtype)))
        return sum(parts[1:], parts[0]) if parts else None

    def _check_codes(self, codes: Tensor) -> None:
        if codes.shape[1:] != (self.height, self.width):
            got = "×".join(map(str, codes.shape[1:]))
            raise SettingError(f"The prior wants maps of {self.height}×{self.width} codes; it got {got}.")
        if self.training and codes.device.type != "cpu":
            return  # the values would have to be waited for at every step
        if codes.numel() and not 0 <= int(codes.min()) <= int(codes.max()) < self.codes:
            raise SettingError(
                f"The prior wants codes 0 to {self.codes - 1}; it got {int(codes.min())} to {int(codes.max())}."
            )

    def _check_given(self, count: int, labels: Tensor | None, condition: Tensor | None) -> None:
        self._check_labels(count, labels)
        self._check_condition(count, condition)

    def _check_labels(self, count: int, labels: Tensor | None) -> None:
        if labels is None:
            if self.classes:
                raise SettingError(f"The prior wants labels of its {self.classes} classes; there are none.")
            return
        if not self.classes:
            raise SettingError("The prior has no classes (classes is 0); it got labels.")
        if len(labels) != count:
            raise SettingError(f"The prior wants a label for each of {count} maps; it got {len(labels)}.")
        if self.training and labels.device.type != "cpu":
            return
        if count and not 0 <= int(labels.min()) <= int(labels.max()) < self.classes:
            raise SettingError(
                f"The prior wants labels 0 to {self.classes - 1}; it got {int(labels.min())} to {int(labels.max())}."
            )

    def _check_condition(self, count: int, condition: Tensor | None) -> None:
        if condition is None:
            if self.conditioned:
                raise SettingError(f"The prior wants a condition of {self.condition_channels} channels; there is none.")
            return
        if not self.conditioned:
            raise SettingError("The prior is not conditioned (conditioned is false); it got a condition.")
        batch, channels, rows, columns = condition.shape
        fits = (batch, channels) == (count, self.condition_channels) and rows >= self.height and columns >= self.width
        if not fits:
            raise SettingError(
                f"The prior wants a condition of the shape ({count}, {self.condition_channels}, rows, columns), of "
                f"{self.height}×{self.width} places or more; it got {tuple(condition.shape)}."
            )
