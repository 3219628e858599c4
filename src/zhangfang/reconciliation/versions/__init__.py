"""Corrected files: a new version of a date's file, its differences, and how they are applied by two persons."""
