"""The bank's protocol: the envelope, fields and rows."""
