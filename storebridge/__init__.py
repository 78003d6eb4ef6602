"""The command line and the demo: the one place that puts everything together."""
