"""How models that find points are asked."""

from hubel.tasks.asking import Asking

ASKING = Asking("models that find points", pictures=("points",))
