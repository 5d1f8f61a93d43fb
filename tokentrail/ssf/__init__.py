"""Shared Signals: what we revoke and find, as security event tokens that others understand."""
