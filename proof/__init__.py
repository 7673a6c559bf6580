"""The whole site under fire, with real processes: `make proof`."""
