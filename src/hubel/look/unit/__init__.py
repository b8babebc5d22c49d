"""One number of a layer: all that made it, told as a sum of products, for any operation."""

from hubel.look.unit.trace import ARITHMETIC
from hubel.look.unit.unit import Unit, unit

__all__ = ["ARITHMETIC", "Unit", "unit"]
