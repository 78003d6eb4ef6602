"""What is known of a shopper: profile, stage, points, traits."""
