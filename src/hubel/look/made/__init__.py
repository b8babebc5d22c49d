"""Pictures that gradients make: what excites layers, and the style of one image on another."""
