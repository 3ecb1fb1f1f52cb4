"""Deep generative models with latent variables."""

__version__ = "0.1.0"
