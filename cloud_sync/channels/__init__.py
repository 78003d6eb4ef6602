"""The doors by which other systems tell of shoppers: one module a channel, one table of them."""
