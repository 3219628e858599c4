"""The world of a drill: a database, sandbox banks, the platform as mortal processes, and a clock that stands."""
