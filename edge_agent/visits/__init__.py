"""Visits: what shoppers do at kiosks, at shelves and with their baskets."""
