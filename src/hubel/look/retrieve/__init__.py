"""Images by what the last layers are given: alike ones, and all of them as points."""
