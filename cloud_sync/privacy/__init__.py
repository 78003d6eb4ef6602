"""What shoppers may ask for: to be forgotten, to be told everything, and that both can be shown."""
