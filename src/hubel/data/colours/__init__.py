"""Colour pictures, of which grey ones are made, and the colours that they should get back."""
