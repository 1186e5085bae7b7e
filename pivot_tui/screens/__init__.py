"""The main screen and the popups over it."""
