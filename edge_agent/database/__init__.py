"""The store's one file: its tables, its outbox and the stream it holds."""
