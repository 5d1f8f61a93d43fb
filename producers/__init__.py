"""Who writes to Kafka: the reference issuer, a resource server, the simulator."""
