"""Programs that bring the same Kafka records into Postgres, each in its own way and process."""
