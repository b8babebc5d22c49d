"""How models that find objects are asked."""

from hubel.tasks.asking import Asking

ASKING = Asking("models that find objects", pictures=("boxes",))
