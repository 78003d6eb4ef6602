"""`python -m storebridge`: the command line."""

from storebridge.cli import main

main()
