"""What one identifier's own events say: facts that merge in any order."""
