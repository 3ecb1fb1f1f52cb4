"""Time of a forward pass through convolutions and spatial dependency layers, beside Table A.3."""
