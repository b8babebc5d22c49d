"""Play: what each action is worth, of what is seen of a game. The network learns by playing."""
