"""Table A.3 of thesis A: forward passes of layers, timed."""
