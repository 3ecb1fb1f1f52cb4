"""Table A.2 of thesis A: parameters of layers."""
