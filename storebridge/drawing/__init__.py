"""The page on which the zones and lines of a camera are drawn over a still of it."""
