"""Flow-back: what is known of shoppers leaves for other systems, where they allow it."""
