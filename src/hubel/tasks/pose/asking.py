"""How models that find points are asked."""

from hubel.tasks.asking import VIEWS, Asking

ASKING = Asking("models that find points", options=(VIEWS,), pictures=("points",))
