"""Masks beside images: a class for every pixel, read from folders, told before anything is trained on them."""
