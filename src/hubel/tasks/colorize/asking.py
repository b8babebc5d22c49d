"""How models that colour pictures are asked."""

from hubel.tasks.asking import Asking

ASKING = Asking("models that colour pictures", pictures=("beside", "coloured"))
