"""Learning what actions are worth by playing: two kinds of Q-learning, and what they keep."""
