"""The pages of files that people bring, and of the maps by which they are read."""
