"""Numbers of parameters of convolutions and spatial dependency layers, beside those of Table A.2."""
