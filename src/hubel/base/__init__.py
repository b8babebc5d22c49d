"""The ground floor: what every room needs, once. Its errors are one tree, drawn in `errors`. Standard library only."""
