"""What figures and tables become: SVG, PNG, PDF, pages that need nothing from elsewhere."""
