"""Table 4.1 of thesis B: multitask VAEs on MNIST by cross-validation."""
