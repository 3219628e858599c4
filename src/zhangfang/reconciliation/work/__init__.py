"""Breaks as work: who has one, what is said of it, its papers, and how old what lies in suspense is."""
