"""How commands end whose reader went away, or for whom the disk does not do what it should."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_storebridge_wire import ROOT  # noqa: F401
