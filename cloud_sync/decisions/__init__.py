"""From profiles to what a store shows: offers, recommendations, views."""
