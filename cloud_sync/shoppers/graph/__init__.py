"""Who is who in the data bank: identifiers, links, and what was said of them."""
