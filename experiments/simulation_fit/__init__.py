"""How well the default simulated mouse and rat match real labelled ones. See README.md in this folder."""
