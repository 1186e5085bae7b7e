"""What is drawn: widgets receive values, draw them, and post messages."""
