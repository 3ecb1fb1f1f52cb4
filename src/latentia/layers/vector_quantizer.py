"""Vector quantisation: each vector of a map is exchanged for the nearest of a codebook.

Source: thesis B, 2.2, after van den Oord, Vinyals and Kavukcuoglu, "Neural discrete representation learning" (2017).

The thesis writes the squared norm of each vector in its losses, averaged over the vectors of a map. Its published
figures, and its authors' code, are means over the components as well. Means are used here; the thesis' formula is
`size` times as large.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor, distributed, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from latentia.errors import DataError, SettingError

BOUND = 0.05
"""The codebook starts uniformly in ± this, as in the thesis' published code."""
USAGE_DECAY = 0.99
"""Of the moving average of uses, where the codebook itself is learned by its gradient."""
SMOOTHING = 1e-9
"""Added to each code's share of uses before it divides; of some 10⁴ vectors in a batch it is van den Oord's 10⁻⁵."""
CHUNK = 2**20
"""So many distances a processor holds at a time: 4 MB of float32, near its caches; others hold 64 times as many."""
BLOCK = 64
"""So many codes' distances are reduced to their least at once, before the place of the least is looked for."""


@dataclass(frozen=True, kw_only=True)
class Quantization:
    """What a quantizer makes of a batch; the losses are per image, and without weights."""

    vectors: Float[Tensor, "batch size *space"]
    """Vectors of the codebook. Their gradient goes to the inputs unchanged (straight-through)."""
    codes: Int64[Tensor, " batch *space"]
    """Their numbers in the codebook."""
    codebook_loss: Float[Tensor, " batch"]
    """Moves the codebook; zero, without a gradient, where moving averages do that."""
    commitment_loss: Float[Tensor, " batch"]
    """Moves the inputs, and is yet to be multiplied by its weight."""


class VectorQuantizer(nn.Module):
    """A codebook of `count` vectors with `size` components.

    Shapes: (batch, size, *space) → (batch, size, *space), with codes (batch, *space): a (16, 64, 8, 8) map becomes
    1,024 codes. Distances and losses are computed in float32 or finer, under autocast too; the vectors have the type
    and the memory format of the inputs.

    The codebook learns by the gradient of the codebook loss. With `average_decay` γ it is a buffer instead: each
    vector is the mean of the inputs that chose it, by moving averages of their number and sum (van den Oord et al.,
    A.1). These take each batch's share of uses, which for equal batches is the same, and start from a batch that used
    all codes evenly. A code that is long unused drifts to zero.

    With `revive_below`, a code whose moving average of uses falls below `revive_below`/`count` becomes a random input
    vector of the batch.

    The codebook, and what is counted for it, changes in training mode with gradients enabled, and then alone. Several
    processes count together and keep the same codebook. With several micro-batches in a step, each counts as a batch.
    An input that is not finite spoils averages; the training loop puts them back, as it skips the step.

    Errors: SettingError for settings that make no codebook.
    """

    codebook: Tensor
    usage: Tensor
    sums: Tensor

    def __init__(
        self, count: int, size: int, *, average_decay: float | None = None, revive_below: float | None = None
    ) -> None:
        super().__init__()
        _check(count, size, average_decay, revive_below)
        self.count = count
        self.size = size
        self.average_decay = average_decay
        self.revive_below = revive_below
        codebook = torch.empty(count, size).uniform_(-BOUND, BOUND)
        if average_decay is None:
            self.codebook = nn.Parameter(codebook)
        else:
            self.register_buffer("codebook", codebook)
            self.register_buffer("sums", codebook / count)
        if average_decay is not None or revive_below is not None:
            self.register_buffer("usage", torch.full((count,), 1 / count))

    def forward(self, inputs: Float[Tensor, "batch size *space"]) -> Quantization:
        """Exchange each vector for the nearest of the codebook.

        The losses are means over all places and components of (sg(z) − e)² and (z − sg(e))², the two terms of the VQ
        objective without its weight β; sg stops the gradient. A vector that is not finite gets some code, and makes
        the losses of its image not finite. Errors: SettingError where the inputs have another number of channels.

        Equation: B 2.5
        """
        rows = self._rows(inputs)
        codes = self._nearest(rows).view(inputs.shape[:1] + inputs.shape[2:])
        vectors, codebook_loss, commitment_loss = _Exchange.apply(inputs, self.codebook, codes)  # type: ignore[no-untyped-call]
        if self.training and torch.is_grad_enabled():
            self._learn(rows, codes.flatten())
        return Quantization(
            vectors=vectors,
            codes=codes,
            codebook_loss=codebook_loss if self.average_decay is None else torch.zeros_like(commitment_loss),
            commitment_loss=commitment_loss,
        )

    def nearest(self, inputs: Float[Tensor, "batch size *space"]) -> Int64[Tensor, " batch *space"]:
        """Number, for each vector, the code at the smallest squared distance; of several the first.

        Errors: SettingError where the inputs have another number of channels than the codebook.

        Equation: B 2.3
        """
        return self._nearest(self._rows(inputs)).view(inputs.shape[:1] + inputs.shape[2:])

    def look_up(self, codes: Int64[Tensor, " batch *space"]) -> Float[Tensor, "batch size *space"]:
        """Give the vectors of these codes."""
        return functional.embedding(codes, self.codebook).movedim(-1, 1).contiguous()

    def extra_repr(self) -> str:
        """Name the settings."""
        return f"{self.count}, {self.size}, average_decay={self.average_decay}, revive_below={self.revive_below}"

    @torch.no_grad()
    def _rows(self, inputs: Tensor) -> Tensor:
        """Lay the vectors out one after the other, in the type that is computed in."""
        if inputs.shape[1] != self.size:
            raise SettingError(
                f"The codebook's vectors have {self.size} components, so the input needs as many channels; it has "
                f"{inputs.shape[1]}."
            )
        return inputs.movedim(1, -1).reshape(-1, self.size).to(_wide(inputs, self.codebook))

    @torch.no_grad()
    def _nearest(self, rows: Tensor) -> Tensor:
        codebook = self.codebook.to(rows.dtype)
        norms = codebook.square().sum(1)
        held = CHUNK if rows.device.type == "cpu" else 64 * CHUNK
        chunks = torch.split(rows, max(1, held // self.count))
        # ‖z − e‖² = ‖z‖² + ‖e‖² − 2z·e, of which ‖z‖² is the same for all codes.
        with torch.autocast(rows.device.type, enabled=False):
            return torch.cat([_first_least(torch.addmm(norms, chunk, codebook.T, alpha=-2)) for chunk in chunks])

    @torch.no_grad()
    def _learn(self, rows: Tensor, codes: Tensor) -> None:
        """Count the batch's uses, move an averaged codebook, revive what is dead."""
        if self.average_decay is None and self.revive_below is None:
            return
        decay = USAGE_DECAY if self.average_decay is None else self.average_decay
        uses = _summed(torch.bincount(codes, minlength=self.count).to(self.usage))
        self.usage.lerp_(uses / uses.sum(), 1 - decay)
        if self.average_decay is not None:
            sums = _summed(torch.zeros_like(self.sums).index_add_(0, codes, rows.to(self.sums)))
            self.sums.lerp_(sums / uses.sum(), 1 - decay)
            total = self.usage.sum()
            smooth = (self.usage + SMOOTHING) / (total + self.count * SMOOTHING) * total
            self.codebook.copy_(self.sums / smooth[:, None])
        if self.revive_below is not None:
            self._revive(rows, self.revive_below / self.count)

    def _revive(self, rows: Tensor, least: float) -> None:
        dead = (self.usage < least).nonzero()[:, 0]
        if not len(dead):  # the same in all processes, as the averages are
            return
        vectors = rows[torch.randint(len(rows), (len(dead),), device=rows.device)].to(self.codebook)
        if _processes() > 1:
            distributed.broadcast(vectors, src=0)
        finite = vectors.isfinite().all(1)  # a step that is skipped does not give a parameter back what it was
        dead, vectors = dead[finite], vectors[finite]
        self.codebook[dead] = vectors
        self.usage[dead] = 1 / self.count
        if self.average_decay is not None:
            self.sums[dead] = vectors / self.count


class _Exchange(torch.autograd.Function):
    """Vectors for inputs, with both losses; one difference serves these and all gradients.

    The vectors are exactly the codebook's, which `inputs + (vectors − inputs).detach()` only nearly gives.
    """

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, codebook: Tensor, codes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        wide = inputs.to(_wide(inputs, codebook))
        chosen = torch.empty_like(wide).copy_(functional.embedding(codes, codebook).movedim(-1, 1))
        differences = wide - chosen
        loss = differences.square().flatten(1).mean(1)
        ctx.save_for_backward(differences, codes)
        ctx.count = len(codebook)  # not the codebook itself, which may have moved before the backward pass
        return chosen.to(inputs.dtype), loss, loss.clone()

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, grad_vectors: Tensor, grad_codebook_loss: Tensor, grad_commitment_loss: Tensor
    ) -> tuple[Tensor | None, Tensor | None, None]:
        differences, codes = ctx.saved_tensors
        each = (-1, *[1] * (differences.ndim - 1))
        slope = 2 / differences[0].numel()
        grad_inputs = grad_codebook = None
        if ctx.needs_input_grad[0]:
            grad_inputs = torch.addcmul(grad_vectors, differences, grad_commitment_loss.view(each), value=slope)
        if ctx.needs_input_grad[1]:
            rows = (differences * grad_codebook_loss.view(each)).movedim(1, -1).flatten(0, -2)
            grad_codebook = rows.new_zeros(ctx.count, rows.shape[1]).index_add_(0, codes.flatten(), rows, alpha=-slope)
        return grad_inputs, grad_codebook, None


def _first_least(distances: Tensor) -> Tensor:
    """Find the least of each row, of equal ones the first.

    A processor finds the least value much faster than its place, so that is looked for in one block of the row alone.
    """
    if distances.shape[1] % BLOCK:
        return distances.argmin(1)
    blocks = distances.view(len(distances), -1, BLOCK)
    block = blocks.amin(2).argmin(1)
    return BLOCK * block + blocks[torch.arange(len(block), device=block.device), block].argmin(1)


def _wide(inputs: Tensor, codebook: Tensor) -> torch.dtype:
    return torch.promote_types(torch.promote_types(inputs.dtype, codebook.dtype), torch.float32)


def _processes() -> int:
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def _summed(values: Tensor) -> Tensor:
    """Sum over all processes."""
    if _processes() > 1:
        distributed.all_reduce(values)
    return values


def _check(count: int, size: int, average_decay: float | None, revive_below: float | None) -> None:
    if count < 1 or size < 1:
        raise SettingError(f"A codebook has at least one code, of at least one component; not {count} of {size}.")
    if average_decay is not None and not 0 < average_decay < 1:
        raise SettingError(f"The codebook's average_decay lies between 0 and 1; it is {average_decay}.")
    if revive_below is not None and not revive_below >= 0:
        raise SettingError(f"The share of uses revive_below is at least 0; it is {revive_below}.")


@dataclass(frozen=True, kw_only=True)
class CodeUsage:
    """How evenly codes are used."""

    perplexity: float
    """The number of codes that, used evenly, would have the same entropy."""
    used: int
    """Codes that occur."""
    count: int
    """All codes of the codebook."""


def code_usage(codes: Int64[Tensor, "*places"], count: int) -> CodeUsage:
    """Tell how evenly these codes use a codebook of `count`: the perplexity is exp(entropy in nats) of their shares.

    Errors: DataError where there are no codes, or some are not of such a codebook.
    """
    if not codes.numel() or codes.min() < 0 or codes.max() >= count:
        found = f"{int(codes.min())} to {int(codes.max())}" if codes.numel() else "none"
        raise DataError(f"Codes of a codebook of {count} are 0 to {count - 1}; these are {found}.")
    shares = torch.bincount(codes.flatten(), minlength=count).double() / codes.numel()
    entropy = torch.special.entr(shares).sum()
    return CodeUsage(perplexity=float(entropy.exp()), used=int(shares.count_nonzero()), count=count)
