"""Cameras: how their frames are taken, and how well they see."""
