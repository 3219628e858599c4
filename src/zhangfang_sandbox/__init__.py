"""Sandbox banks and networks. They share no code with the platform, only the wire."""
