"""The read models of the console. They only read, and a figure that could not be read is None."""
