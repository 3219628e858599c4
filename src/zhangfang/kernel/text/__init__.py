"""Texts: what may come in, and how it is shown or written out."""
