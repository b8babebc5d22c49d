"""The colours of grey pictures."""
