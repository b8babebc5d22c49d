"""How models that find objects are asked."""

from hubel.tasks.asking import VIEWS, Asking

ASKING = Asking("models that find objects", options=(VIEWS,), pictures=("boxes",))
