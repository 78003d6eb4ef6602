"""The shopper's kiosk: what it shows now, its pages, and what may be done on them."""
