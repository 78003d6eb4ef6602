"""The pages of headquarters, behind a login."""
