"""From events to shoppers: identity, profiles and funnel stages."""
