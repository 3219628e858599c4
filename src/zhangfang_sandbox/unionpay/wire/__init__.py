"""What the bank speaks: messages, files, signatures, notifications, the cashier's page."""
