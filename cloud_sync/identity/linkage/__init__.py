"""Noisy records of persons, joined without labels: Fellegi-Sunter, then average linkage."""
