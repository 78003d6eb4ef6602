"""The commands, one file each, put together in `storebridge.cli`."""
