"""Imports: what a brand has in files already, members, orders, stock and catalogue."""
