"""What models with latent variables are good for: sampling, interpolation, neighbourhoods, imputing, anomalies."""

from latentia.uses.anomaly import top_layers_bound
from latentia.uses.colours import Colours, FieldColours, ShareColours, colours_of
from latentia.uses.imputation import Imputation, impute
from latentia.uses.interpolation import Interpolation, interpolate
from latentia.uses.kept import mark_kept
from latentia.uses.latents import decode, encode
from latentia.uses.neighbourhood import Neighbourhood, neighbourhood
from latentia.uses.pictures import (
    draw_grid,
    draw_imputation,
    draw_interpolation,
    draw_neighbourhood,
    draw_neighbours,
    draw_reconstruction,
    draw_samples,
    draw_traversal,
    write_png,
)
from latentia.uses.reconstruction import Reconstruction, reconstruct
from latentia.uses.sampling import Samples, sample
from latentia.uses.sequences import (
    SequenceInterpolation,
    interpolate_sequences,
    keep_probabilities,
    sample_sequences,
)
from latentia.uses.strips import draw_strips
from latentia.uses.traversal import Traversal, traverse

__all__ = [
    "Colours",
    "FieldColours",
    "Imputation",
    "Interpolation",
    "Neighbourhood",
    "Reconstruction",
    "Samples",
    "SequenceInterpolation",
    "ShareColours",
    "Traversal",
    "colours_of",
    "decode",
    "draw_grid",
    "draw_imputation",
    "draw_interpolation",
    "draw_neighbourhood",
    "draw_neighbours",
    "draw_reconstruction",
    "draw_samples",
    "draw_strips",
    "draw_traversal",
    "encode",
    "impute",
    "interpolate",
    "interpolate_sequences",
    "keep_probabilities",
    "mark_kept",
    "neighbourhood",
    "reconstruct",
    "sample",
    "sample_sequences",
    "top_layers_bound",
    "traverse",
    "write_png",
]
