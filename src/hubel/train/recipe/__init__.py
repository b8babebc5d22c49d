"""How to train: the settings, and the rules that choose them."""
