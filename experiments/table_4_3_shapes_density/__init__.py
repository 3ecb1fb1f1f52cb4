"""Table 4.3 of thesis A: the density of shapes with a decoder of convolutions and with a spatial dependency layer."""
