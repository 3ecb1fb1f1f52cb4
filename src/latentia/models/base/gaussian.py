"""What models of images answer alike whose latent variables are one vector of independent Gaussian dimensions."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from jaxtyping import Float, Integer
from torch import Tensor

from latentia.distributions import DiagonalGaussian, ImageDistribution
from latentia.models.base.density import Generation, Inference, LatentVariableModel


class GaussianLatentModel(LatentVariableModel):
    """q(z | x) and p(z) = N(0, 1) are diagonal Gaussians, the divergence between them is in closed form."""

    @property
    @abstractmethod
    def latent_size(self) -> int:
        """Dimensions of z."""

    @abstractmethod
    def posterior(self, images: Integer[Tensor, "batch channels height width"]) -> DiagonalGaussian:
        """Give q(z | x). Errors: DataError for images of another format."""

    @abstractmethod
    def likelihood(self, latent: Float[Tensor, "batch latent"]) -> ImageDistribution:
        """Give p(x | z)."""

    @property
    def latent_shapes(self) -> tuple[tuple[int, ...], ...]:
        """One layer: (latent_size,)."""
        return ((self.latent_size,),)

    def infer(self, images: Integer[Tensor, "batch channels height width"]) -> Inference:
        """Draw z from the posterior, q(z | x). Errors: as `posterior`."""
        posterior = self.posterior(images)
        prior = self._prior(len(images))
        latent = posterior.rsample()
        return Inference(
            latents=(latent,),
            log_posterior=posterior.log_prob(latent)[:, None],
            log_prior=prior.log_prob(latent)[:, None],
            divergence=posterior.divergence(prior)[:, None],
            likelihood=self.likelihood(latent),
        )

    def generate(self, count: int, given: Sequence[Tensor] = (), temperature: float = 1.0) -> Generation:
        """Take z as it is given, or draw it from the prior at `temperature` times its standard deviation.

        Errors: SettingError where more than z is given, or z of another shape than (count, latent_size).
        """
        self.check_given(count, given)
        latent = given[0] if given else self._prior(count).at(temperature).rsample()
        return Generation(latents=(latent,), likelihood=self.likelihood(latent))

    def _prior(self, count: int) -> DiagonalGaussian:
        zeros = next(self.parameters()).new_zeros(count, self.latent_size)
        return DiagonalGaussian(zeros, zeros)
