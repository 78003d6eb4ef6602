"""Delivery under faults, played by seed with the decisions of the product itself."""
