"""How well the rival methods' classifiers find the states of a real mouse from its published band powers."""
