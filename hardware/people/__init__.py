"""People in pictures: seen, followed and counted by zone, without knowing anybody."""
