"""Breaks as work: the list and the chosen one, what people do with it, its cure, many cures at once, and suspense."""
