"""The codes and tokens that a tenant signs, and the keys for it."""
