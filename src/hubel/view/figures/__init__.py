"""What is drawn, as data: scenes, axes, charts, tiles, and the colours of all."""
