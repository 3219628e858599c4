"""What every acquiring bank of the sandbox shares: orders, faults on them, the settlement day, files, notifications."""
