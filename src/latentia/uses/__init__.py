"""What a density with latent variables is good for: sampling, interpolation, neighbourhoods, reconstruction."""

from latentia.uses.interpolation import Interpolation, interpolate
from latentia.uses.latents import decode, encode
from latentia.uses.neighbourhood import Neighbourhood, neighbourhood
from latentia.uses.pictures import (
    draw_grid,
    draw_interpolation,
    draw_neighbourhood,
    draw_neighbours,
    draw_reconstruction,
    draw_samples,
    write_png,
)
from latentia.uses.reconstruction import Reconstruction, reconstruct
from latentia.uses.sampling import Samples, sample

__all__ = [
    "Interpolation",
    "Neighbourhood",
    "Reconstruction",
    "Samples",
    "decode",
    "draw_grid",
    "draw_interpolation",
    "draw_neighbourhood",
    "draw_neighbours",
    "draw_reconstruction",
    "draw_samples",
    "encode",
    "interpolate",
    "neighbourhood",
    "reconstruct",
    "sample",
    "write_png",
]
