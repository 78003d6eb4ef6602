"""The road of an event from its recording to the receipt of the cloud."""
