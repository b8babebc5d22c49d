"""What segmentation makes of scores: a probability for each class at each pixel, and the likeliest one."""

from hubel.tasks.decoding import Decoding

DECODING = Decoding("probabilities", "softmax", likeliest="mask")
