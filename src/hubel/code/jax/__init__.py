"""The program in Flax, on JAX."""
