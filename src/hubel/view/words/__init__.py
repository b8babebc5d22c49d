"""What is told in words: findings, tables, lines of a terminal, and how results show themselves."""
