"""Draws what a camera in a shop would see, so that the real readers have something to read."""
