"""Models and weights in files: hubel's own, and Keras's."""
