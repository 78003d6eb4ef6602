"""Codes in pictures: found, read, and held against what they may be."""
