"""The engine as a whole, without a command line."""
