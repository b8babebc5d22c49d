"""What is where: boxes around objects, with their classes."""
