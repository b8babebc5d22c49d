"""The ground floor: what every room needs, once. Standard library only."""
