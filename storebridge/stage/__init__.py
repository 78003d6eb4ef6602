"""The stage: one page on which a visitor sees the whole road at work."""
