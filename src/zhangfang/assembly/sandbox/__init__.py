"""The sandbox banks beside the platform: how they are set up, spoken to, and used by merchants and payers."""
