"""Evidence packs: the answer to a query with all that is needed to check it without us (docs/retention.md)."""
