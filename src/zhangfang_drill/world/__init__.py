"""What a drill runs on: a database, sandbox banks, the platform as processes that can be killed, and a standing clock."""
