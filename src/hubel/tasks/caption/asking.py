"""How models that write captions are asked."""

from hubel.tasks.asking import Asking, Option

ASKING = Asking(
    "models that write captions",
    options=(Option("beam", "how many sentences are followed at once (default 3)", "whole", "N", least=1, most=100),),
)
