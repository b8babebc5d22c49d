"""From the bytes of a file to pixels, several files at a time."""
