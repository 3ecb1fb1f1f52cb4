"""Table 4.5 of thesis A: U-Nets with and without spatial dependency layers, on nuclei."""
