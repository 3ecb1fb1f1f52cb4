"""The VQ-VAE of thesis B: with one decoder, with two, or with a single one that may know pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64, Integer
from torch import Tensor, nn

from latentia.errors import SettingError
from latentia.images import ImageFormat
from latentia.layers.condition import ConditionalDecoder, ConditionName, ConvolutionalMerge, FlatMerge, Unchanged
from latentia.layers.strided import ResidualBlock, channels_last, double, down
from latentia.layers.vector_quantizer import VectorQuantizer
from latentia.models.base import AutoregressivePrior, Decoders, Inference, Latent, MultitaskModel

REDUCTION = 4
"""Two convolutions of stride 2 make the map of codes that much smaller than the image, in each direction."""


@dataclass(frozen=True, kw_only=True)
class VQVAEConfig:
    """Size of a VQ-VAE; the defaults are configuration 1 of thesis B 3.4.2."""

    embeddings: int = 128
    """Vectors in the codebook."""
    embedding_size: int = 16
    widths: tuple[int, ...] = (32, 64)
    """Channels of the two convolutions of stride 2; the decoders mirror them."""
    residual_layers: int = 0
    commitment: float = 0.25
    """Weight of the commitment loss, β in thesis B eq. 2.5."""
    codebook_decay: float | None = None
    """Of moving averages that make the codebook, in place of gradients; null learns it by gradients, as the thesis."""
    revive_below: float | None = None
    """A vector that is used less than this share of its fair one is replaced by a vector of the encoder's."""
    decoders: Decoders = "plain"
    condition: ConditionName = "flat"

    def __post_init__(self) -> None:
        if len(self.widths) != 2 or min(self.widths) < 1:
            raise SettingError(f"widths must be two numbers, each 1 or more; it is {list(self.widths)}.")
        for name, least in (("embeddings", 2), ("embedding_size", 1), ("residual_layers", 0)):
            if getattr(self, name) < least:
                raise SettingError(f"{name} must be {least} or more; it is {getattr(self, name)}.")
        if not 0 <= self.commitment < math.inf:
            raise SettingError(f"commitment must be a number from 0 up; it is {self.commitment}.")
        if self.codebook_decay is not None and not 0 < self.codebook_decay < 1:
            raise SettingError(f"codebook_decay must be between 0 and 1; it is {self.codebook_decay}.")
        if self.revive_below is not None and not 0 < self.revive_below < 1:
            raise SettingError(f"revive_below must be between 0 and 1; it is {self.revive_below}.")

    def places(self, image_format: ImageFormat) -> int:
        """How many codes an image of a format has."""
        return (image_format.height // REDUCTION) * (image_format.width // REDUCTION)

    def build(self, image_format: ImageFormat) -> VQVAE:
        """Make the model for images of a format, with fresh weights drawn from torch's random state."""
        return VQVAE(self, image_format)


class VQVAE(MultitaskModel):
    """The latent variables are codes on a map: which vector of a codebook is next to the encoder's (thesis B 2.2).

    Thesis B 3.2.3, 3.3.3 and 3.4.2. Encoder: two 3×3 convolutions of stride 2 and one of stride 1, each with batch norm
    and leaky ReLU, residual blocks, a 1×1 convolution to the size of the vectors. Decoder: the vectors as they are, or
    a fully connected layer of them and the known pixels; a 3×3 convolution, residual blocks, two transposed 4×4
    convolutions. The prior over codes is learned afterwards (2.2.2, "Second stage"): until `prior` is set, all codes
    are taken to be equally probable where their probability is asked for, and nothing can be drawn.
    """

    def __init__(self, config: VQVAEConfig, image_format: ImageFormat) -> None:
        super().__init__()
        if image_format.height % REDUCTION or image_format.width % REDUCTION:
            raise SettingError(
                f"A VQ-VAE is for images whose height and width are multiples of {REDUCTION}; these are of "
                f"{image_format.height}×{image_format.width}."
            )
        self.config = config
        self.image_format = image_format
        self.decoders = config.decoders
        self.error_weight = 1.0
        self.codebook_size = config.embeddings
        first, last = config.widths
        self.encoder = nn.Sequential(
            down(image_format.channels, first, 2),
            down(first, last, 2),
            down(last, last, 1),
            *(ResidualBlock(last) for _ in range(config.residual_layers)),
            nn.Conv2d(last, config.embedding_size, 1),
        )
        self.quantizer = VectorQuantizer(
            config.embeddings,
            config.embedding_size,
            average_decay=config.codebook_decay,
            revive_below=config.revive_below,
        )
        self.decoder = None if config.decoders == "single" else self._decoder(conditioned=False)
        self.conditioned_decoder = None if config.decoders == "plain" else self._decoder(conditioned=True)
        self.prior: AutoregressivePrior | None = None

    @property
    def code_map(self) -> tuple[int, int]:
        """Height and width of the map of codes."""
        return self.image_format.height // REDUCTION, self.image_format.width // REDUCTION

    @property
    def latent_shapes(self) -> tuple[tuple[int, ...], ...]:
        """One layer: the vectors of the codes, (embedding_size, height, width)."""
        return ((self.config.embedding_size, *self.code_map),)

    @property
    def has_prior(self) -> bool:
        """It is learned after the model."""
        return self.prior is not None

    def encode(self, values: Float[Tensor, "batch channels height width"]) -> Latent:
        """Give the codebook's vectors next to the encoder's (eq. 2.3); the cost is codebook + β·commitment loss."""
        found = self.quantizer(self.encoder(channels_last(values)))
        cost = found.codebook_loss + self.config.commitment * found.commitment_loss
        return Latent(values=found.vectors, cost=cost, codes=found.codes)

    def infer(self, images: Integer[Tensor, "batch channels height width"]) -> Inference:
        """Find the codes; the posterior is certain of them, so that the divergence is −log p(codes) (eq. 2.4).

        Errors: DataError for images of another format.

        Equation: B 2.4
        """
        latent = self.encode(self.shares(images))
        assert latent.codes is not None
        log_prior = self.log_prior(latent.codes)[:, None]
        return Inference(
            latents=(latent.values,),
            log_posterior=torch.zeros_like(log_prior),
            log_prior=log_prior,
            divergence=-log_prior,
            likelihood=self.distribution(self.decode(latent.values)),
        )

    def log_prior(self, codes: Int64[Tensor, "batch height width"]) -> Float[Tensor, " batch"]:
        """log p(codes) in nats, by the learned prior, or with all codes equally probable where there is none.

        A prior that goes by classes is averaged over them, evenly; one that goes by known pixels is told of none.
        """
        if self.prior is None:
            weights = next(self.parameters())
            evenly = -math.prod(self.code_map) * math.log(self.config.embeddings)
            dtype = torch.promote_types(weights.dtype, torch.float32)
            return torch.full((len(codes),), evenly, dtype=dtype, device=codes.device)
        known = self.nothing_known(len(codes)) if self.prior.conditioned else None
        if not self.prior.classes:
            return self.prior.log_prob(codes, condition=known)
        each = [
            self.prior.log_prob(codes, labels=torch.full_like(codes[:, 0, 0], label), condition=known)
            for label in range(self.prior.classes)
        ]
        return torch.stack(each).logsumexp(0) - math.log(self.prior.classes)

    def draw_latent(
        self,
        count: int,
        temperature: float = 1.0,
        condition: Float[Tensor, "count conditions height width"] | None = None,
    ) -> Float[Tensor, " count *latent"]:
        """Draw codes from the learned prior, and give their vectors. Errors: SettingError where there is none yet.

        A prior that goes by known pixels is told of none where there is no condition; one that goes by classes gets
        classes that are drawn evenly.
        """
        if self.prior is None:
            raise SettingError("This VQ-VAE has no prior to draw codes from yet: `latentia prior` learns one.")
        prior = self.prior
        known = (self.nothing_known(count) if condition is None else condition) if prior.conditioned else None
        device = next(self.parameters()).device
        labels = torch.randint(prior.classes, (count,), device=device) if prior.classes else None
        return self.quantizer.look_up(prior.sample(count, labels=labels, condition=known, temperature=temperature))

    def _decoder(self, *, conditioned: bool) -> ConditionalDecoder:
        config, image_format = self.config, self.image_format
        known = (image_format.channels + 1, image_format.height, image_format.width)
        map_shape = (config.embedding_size, *self.code_map)
        enter: nn.Module = Unchanged()
        if conditioned and config.condition == "flat":
            enter = FlatMerge(map_shape, known, map_shape, nn.Identity())
        elif conditioned:
            enter = ConvolutionalMerge(enter, known, map_shape)
        first, last = config.widths
        body = nn.Sequential(
            down(config.embedding_size, last, 1),
            *(ResidualBlock(last) for _ in range(config.residual_layers)),
            double(last, first),
            nn.BatchNorm2d(first),
            nn.LeakyReLU(),
            double(first, image_format.channels),
        )
        return ConditionalDecoder(enter, body)
