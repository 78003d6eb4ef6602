"""The staff page: calls, stock, traffic, devices and what waits to be sent."""
