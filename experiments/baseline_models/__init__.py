"""How the packaged parameters of FASTER, SCOPRISM and Autoscore were learned: from simulated laboratories."""
