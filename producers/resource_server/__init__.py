"""A resource server that checks every token and reports its use."""
