"""Tokentrail: audit and monitoring of authentication tokens."""
