"""The sample web shop: the same goods and the same shoppers, over HTTP."""
