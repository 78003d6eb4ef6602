"""From the wire and from HTTP into the ledger, each event once."""
