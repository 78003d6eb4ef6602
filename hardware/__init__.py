"""Devices that read and act; knows nothing of stores, shoppers and networks."""
