"""Where images come from: folders, archives, tables, arrays, sets known by name."""
