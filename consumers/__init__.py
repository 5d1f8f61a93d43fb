"""Who reads from Kafka: the ledger writer, the anomaly scorer, the revocation enforcer."""
