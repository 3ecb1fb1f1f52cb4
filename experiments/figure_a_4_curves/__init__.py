"""Figure A.4 of thesis A: learning curves of the terms of the β-VAE objective."""
