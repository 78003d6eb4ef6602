"""The till: purchases, orders, receipts and the stock they move."""
