"""What headquarters counts: figures folded from the ledger."""
