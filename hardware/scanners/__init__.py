"""Scanners that send what they have read: by key strokes, serial lines, network and page."""
