"""The text form: read, written, edited."""
