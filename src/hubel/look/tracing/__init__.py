"""One number followed down to the pixels: what each layer multiplied, added and moved."""
