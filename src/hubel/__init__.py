"""hubel: a convolutional network from the line on a slide to a trained, understood and deployed model."""

__version__ = "0.1.0"
