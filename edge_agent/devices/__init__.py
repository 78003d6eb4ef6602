"""The devices of a store: run, watched, told to act; and what becomes of what they read."""
