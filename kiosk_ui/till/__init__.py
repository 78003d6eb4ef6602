"""The screen of a till: what is in the basket, what comes off, and what is to be paid."""
