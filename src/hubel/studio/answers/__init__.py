"""What the page asks, and the answers: plain values in and out, one function a question."""

from hubel.studio.answers.questions import QUESTIONS, answered, answered_json

__all__ = ["QUESTIONS", "answered", "answered_json"]
