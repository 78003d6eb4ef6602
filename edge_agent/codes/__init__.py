"""What codes mean, and how they are kept."""
