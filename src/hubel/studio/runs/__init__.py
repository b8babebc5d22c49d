"""Runs of this machine, for the studio's server: what there are, how they stand, and trainings that begin and end."""

from hubel.studio.runs.questions import Runs

__all__ = ["Runs"]
