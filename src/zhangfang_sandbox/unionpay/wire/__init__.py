"""The bank's protocol: messages, files, signatures."""
