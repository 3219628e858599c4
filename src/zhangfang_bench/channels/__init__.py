"""What messages cost, how fast unknown outcomes are found, how fast a batch file is taken."""
