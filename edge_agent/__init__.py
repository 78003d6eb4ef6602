"""The program in each store: records every event once and keeps the screens answering."""
