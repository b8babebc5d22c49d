"""A folder for a colleague: a model, a program that needs no hubel, a test, a Dockerfile and a card."""
