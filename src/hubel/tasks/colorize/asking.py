"""How models that colour pictures are asked."""

from hubel.tasks.asking import VIEWS, Asking

ASKING = Asking("models that colour pictures", options=(VIEWS,), pictures=("beside", "coloured"))
