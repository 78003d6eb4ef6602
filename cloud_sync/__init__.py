"""The service that makes one view of many stores and channels."""
