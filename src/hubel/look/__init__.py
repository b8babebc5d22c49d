"""Looking at what layers do, step by step.

`hubel.look.convolve` does convolutions and pooling by hand (standard library only), `hubel.look.kernels` has the
well-known kernels, `hubel.look.grids` reads and writes the grids of numbers that both work on.
"""
