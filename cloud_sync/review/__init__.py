"""Records that may be one person's: compared, proposed to people, and decided by them."""
