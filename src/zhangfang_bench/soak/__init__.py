"""Hostile clients beside well-behaved ones: what do the others feel of them?"""
