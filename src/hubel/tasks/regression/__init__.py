"""Numbers that an image says: an age, an angle, a count, or several at once."""
