"""Figure 4.9 of thesis A: disentanglement of β-VAEs with and without a spatial dependency layer, over β."""
