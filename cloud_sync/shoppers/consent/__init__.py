"""What shoppers allow, and leave to act on it."""
