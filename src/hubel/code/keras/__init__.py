"""The program in Keras 3."""
