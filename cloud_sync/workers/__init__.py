"""What works without being asked: receiving, following, folding and chores."""
