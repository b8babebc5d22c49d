"""What numbers are of scores: in deviations from the means."""

from hubel.tasks.decoding import Decoding

DECODING = Decoding("numbers", scale="deviations", shift="means")
