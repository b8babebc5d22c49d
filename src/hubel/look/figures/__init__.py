"""Pages and pictures of what was found: they read findings, and no finding knows of them."""
