"""How commands end whose reader went away, or for whom the disk does not do what it should."""

from tests.test_storebridge_wire import ROOT  # noqa: F401
