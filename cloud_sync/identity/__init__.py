"""One shopper out of many traces: links, the graph folded from them, and noisy records."""
