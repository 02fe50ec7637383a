"""`python -m ghmodels_async`: the command line."""

from ghmodels_async.cli import main

main()
