"""What the cloud answers over HTTP: the API's routes and its description."""
