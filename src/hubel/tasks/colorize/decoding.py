"""What colorize makes of scores: a colour for every place. Nothing here loads torch."""

from hubel.tasks.decoding import ColourRules, Decoding

TEMPERATURE = 0.38  # between the likeliest colour (0) and the mean of all (1): Zhang et al. 2016
DECODING = Decoding(colours=ColourRules(TEMPERATURE))
"""See `ColourRules`."""
