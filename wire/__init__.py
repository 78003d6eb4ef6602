"""What crosses between a store and the cloud, and nothing else."""
