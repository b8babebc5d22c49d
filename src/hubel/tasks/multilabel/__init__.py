"""Which of several labels an image has: none, one, or many at once."""
