"""Synthesis: pictures of noise that look like those of a set. The network trained is the one that makes them."""
