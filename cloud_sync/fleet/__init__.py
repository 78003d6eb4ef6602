"""What headquarters knows of stores and their devices."""
