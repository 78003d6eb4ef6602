"""What can be set in a TOML file: tables of settings, and the one way to check a file; a leaf."""
