"""Screens in the store: the kiosk of the shopper and the page of the staff."""
