"""What the bank speaks: the envelope, the functions, their fields and rows."""
