"""The demo: a small town of stores, a web shop and shoppers, run by the real parts."""
