"""What is seen: the font that pictures are set in."""
