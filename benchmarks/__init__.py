"""Side by side with peers and limits: each benchmark prints ratios from one run."""
